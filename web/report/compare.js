// The report of a comparison.
"use strict";

const kSideStyles = [
  {color: "--blue"}, {color: "--orange", dash: [7, 4]}, {color: "--green", dash: [2, 3]},
  {color: "--purple", dash: [9, 3, 2, 3]}, {color: "--red", dash: [4, 2]}
];

function fileName(path) {
  return path.split("/").pop();
}

function toldFromChance(comparison) {
  return comparison.differences.filter((each) => each.told_from_chance);
}

function compareSentence(data) {
  const {base, comparisons} = data.comparison;
  return comparisons
      .map((each) => {
        const told = toldFromChance(each).slice(0, 4).map(
            (one) => `${one.name} ${formatChange(one.measure, one.change)}`);
        return told.length === 0 ?
            `Nothing tells ${each.other} from ${base}: every difference may be chance.` :
            `${each.other} against ${base}: ${told.join(", ")}.`;
      })
      .join(" ");
}

// An interval as a bar about 0, all of one table on one scale.
function intervalBar(difference, most) {
  if (difference.low == null) return el("span", {class: "soft small"}, difference.remark);
  const place = (value) => `${50 + 50 * Math.max(-1, Math.min(1, value / most))}%`;
  const bar =
      el("span", {class: `interval ${difference.told_from_chance ? "told" : ""}`, "aria-hidden": "true"});
  const range = el("i", {});
  range.style.left = place(difference.low);
  range.style.right = `${100 - parseFloat(place(difference.high))}%`;
  const dot = el("b", {});
  dot.style.left = place(difference.change);
  bar.append(range, dot);
  return bar;
}

function differencesTable(data, comparison) {
  const {base} = data.comparison;
  const shown =
      comparison.differences.filter((each) => each.measure === "share" || each.base > 0 || each.other > 0);
  // Wide enough for the changes; an interval that is wider still ends at the edge.
  const scaleOf = (measure) => 2.5 *
      Math.max(
          ...shown.filter((each) => (each.measure === "share") === (measure === "share"))
              .map((each) => Math.abs(each.low == null ? 0 : each.change)),
          0.004);
  // What it is about comes first: on a phone the rest is scrolled to.
  const columns = [
    {name: ""}, {name: "difference", number: true}, {name: "95% interval", number: true},
    {name: "told from chance?"}, {name: "around 0"}, {name: base, number: true},
    {name: comparison.other, number: true}
  ];
  const change = (each, value) => formatChange(each.measure, value);
  const interval = (each) => each.low == null ?
      kNone :
      `${change(each, each.low).replace(" points", "")} to ${change(each, each.high)}`;
  const told = (each) => each.told_from_chance ? el("strong", {}, "yes") : each.low == null ? kNone : "no";
  const rows = shown.map(
      (each) =>
          [each.name, change(each, each.change), interval(each), told(each),
           intervalBar(each, scaleOf(each.measure)), formatMeasured(each.measure, each.base),
           formatMeasured(each.measure, each.other)]);
  return table(`${comparison.other} against ${base}`, columns, rows);
}

function sidesTable(data) {
  const columns = [
    {name: ""}, {name: "verdict"}, {name: "URL"}, {name: "plan"}, {name: "timely", number: true},
    {name: "good/s", number: true}, {name: "p99", number: true}
  ];
  return table(
      "", columns,
      data.sides.flatMap(
          (side) => side.runs.map(
              ({name, record}) =>
                  [fileName(name), loadBadge(record), record.url, record.plan,
                   record.mode === "open" ? formatShare(record.timely_share) : kNone,
                   formatNumber(record.good_per_s), formatLatency(record.latency.p99_ms)])));
}

// A line for each run; those of a side look alike.
function sideLines(data, pointsOf) {
  return data.sides.flatMap(
      (side, i) => side.runs.map(
          (run) => ({label: fileName(run.name), ...kSideStyles[i % kSideStyles.length], ...pointsOf(run)})));
}

function compareCharts(data) {
  const anyBad = data.sides.some((side) => side.runs.some(({record}) => record.refused + record.failed > 0));
  const over = (title, y, note, points) => chartFigure(
      {title, note, x: kTime, y, series: sideLines(data, (run) => ({points: points(run.record)}))});
  return [
    section(
        "Over time", null,
        el("div", {class: "charts"},
           over("Good replies", kPerSecond, null, (run) => rateOverTime(run, "good")),
           anyBad ? over(
                        "Refused and failed", kPerSecond, null,
                        (run) => overTime(run, (one) => (one.refused + one.failed) / one.span_s)) :
                    null,
           over(
               "Latency, p50", kLatency, "Of all that ended in each second. Log axis.",
               (run) => overTime(run, (one) => one.p50_ms)),
           over(
               "Latency, p99", kLatency, "Of all that ended in each second. Log axis.",
               (run) => overTime(run, (one) => one.p99_ms)))),
    section(
        "Latency", null,
        distributionChart(
            "Distribution", "Of all requests, from when they were due. Log axes.",
            sideLines(data, (run) => ({of: run.distribution.latency}))),
        latencyTable(
            "Percentiles",
            data.sides.flatMap((side) => side.runs.map((run) => [fileName(run.name), run.record.latency])))),
  ];
}

function compareReport(data) {
  const {comparisons} = data.comparison;
  const unsure = comparisons.some((each) => each.inconclusive);
  const told = comparisons.some((each) => toldFromChance(each).length > 0);
  const remarks =
      comparisons.flatMap((each) => each.remarks).filter((remark, i, all) => all.indexOf(remark) === i);
  return [
    header(
        "Comparison", compareSentence(data),
        unsure ? verdictBadge("unsure", "inconclusive") :
                 verdictBadge("good", told ? "differences found" : "no difference found"),
        [`${data.sides.flatMap((side) => side.runs).length} runs`]),
    remarks.length > 0 ?
        banner(
            unsure ? "unsure" : "plain",
            "Before you believe it:", el("ul", {}, remarks.map((remark) => el("li", {}, remark)))) :
        null,
    section(
        "Differences",
        "Such an interval holds the true difference in 95 of 100 comparisons: of twenty, one misses.",
        ...comparisons.map((each) => differencesTable(data, each))),
    ...compareCharts(data),
    section("Runs", null, sidesTable(data)),
    commandSection(data.command, null),
  ];
}
