// Holds what our histogram makes of some values against HdrHistogram for
// JavaScript, which is fed the same ones.
//
//   node histograms.js PROGRAM FOLDER_OF_HDR_HISTOGRAM_JS
//
// What has to agree, and how closely:
// - Made with the same parameters (1,000 ns to 1 h, 3 digits), the buckets are
//   the same: every count, every value by rank, every line of the .hgrm, exactly.
//   Only where a bucket reaches beyond the largest value of all we say that
//   value, which we know, and they the end of the bucket.
// - Made with a lowest value of 1 ns, theirs has finer buckets below 1 ms. Both
//   name the end of the bucket in which the value x of a rank lies: never less
//   than x. A bucket of ours is 512 ns wide up to 2,048 of them; then there are
//   1,024 for each doubling, so the end is at most x/1024 above x, and never by
//   more than 511 ns below. So either differs from x, and one from the other, by
//   at most max(511 ns, x/1024): three digits, which is 0.1%.
"use strict";

const assert = require("node:assert");
const {execFileSync} = require("node:child_process");

const [program, library] = process.argv.slice(2);
const hdr = require(library);

const kHour = 3600e9;
const kParts = 4;

function made(values, lowest) {
  const histogram = hdr.build({
    bitBucketSize: 64,
    lowestDiscernibleValue: lowest,
    highestTrackableValue: kHour,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
  for (const value of values) histogram.recordValue(value);
  return histogram;
}

function bucketsOf(histogram) {
  const buckets = [];
  for (let i = 0; i < histogram.countsArrayLength; ++i) {
    const count = histogram.getCountAtIndex(i);
    if (count > 0) buckets.push([histogram.highestEquivalentValue(histogram.valueFromIndex(i)), count]);
  }
  return buckets;
}

// [[value in ms, percentile, count]...] of the text that both write.
function linesOf(hgrm) {
  return hgrm.split("\n").filter((line) => /^ *\d/.test(line)).map((line) => line.trim().split(/ +/).map(Number));
}

function holdSameLayout(name, ours, theirs, largest) {
  assert.deepStrictEqual(ours.buckets, bucketsOf(theirs), `${name}: the buckets`);
  const total = theirs.totalCount;
  for (const [rank, value] of ours.by_rank) {
    const expected = Math.min(theirs.getValueAtPercentile(100 * (rank - 0.25) / total), largest);
    assert.strictEqual(value, expected, `${name}: the value of rank ${rank}`);
  }
  // The twelfth decimal of a percentile is rounded in two ways.
  const key = (percentile) => percentile.toFixed(11);
  const other = new Map(linesOf(theirs.outputPercentileDistribution(5, 1e6)).map((line) => [key(line[1]), line]));
  const lines = linesOf(ours.hgrm);
  assert.ok(lines.length > 0);
  for (const [value, percentile, count] of lines) {
    const line = other.get(key(percentile));
    assert.ok(line, `${name}: they have no line of ${percentile}`);
    assert.strictEqual(count, line[2], `${name}: the count at ${percentile}`);
    // In microseconds, as both are written.
    assert.strictEqual(value, Math.min(line[0], +(largest / 1e6).toFixed(3)), `${name}: the value at ${percentile}`);
  }
}

function holdFinerLayout(name, ours, theirs, sorted) {
  let worst = 0;
  for (const [rank, value] of ours.by_rank) {
    const x = sorted[rank - 1];
    const allowed = Math.max(511, x / 1024);
    const other = theirs.getValueAtPercentile(100 * (rank - 0.25) / theirs.totalCount);
    assert.ok(value >= x && value - x <= allowed, `${name}: ${value} for ${x} at rank ${rank}`);
    assert.ok(Math.abs(value - other) <= allowed, `${name}: ${value} and not ${other} at rank ${rank}`);
    worst = Math.max(worst, Math.abs(value - other) / allowed);
  }
  return worst;
}

const sets = execFileSync(program, {maxBuffer: 1 << 28}).toString().trim().split("\n").map((line) => JSON.parse(line));
assert.ok(sets.length >= 4);
for (const {name, values, recorded, merged} of sets) {
  assert.strictEqual(values.length, 20000);
  const sorted = [...values].sort((a, b) => a - b);
  const largest = sorted[sorted.length - 1];
  holdSameLayout(name, recorded, made(values, 1000), largest);
  const sum = made([], 1000);
  for (let part = 0; part < kParts; ++part) sum.add(made(values.filter((value, i) => i % kParts === part), 1000));
  holdSameLayout(`${name}, merged`, merged, sum, largest);
  const worst = holdFinerLayout(name, recorded, made(values, 1), sorted);
  console.log(`${name}: ${recorded.buckets.length} buckets, ${recorded.by_rank.length} ranks and the .hgrm agree; ` +
    `with finer buckets within ${(100 * worst).toFixed(1)}% of what is allowed`);
}
