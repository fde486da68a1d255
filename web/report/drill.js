// The report of a drill.
"use strict";

const kRate = {
  label: "requests a second asked for",
  format: formatNumber,
  at: formatRate,
  range: (min, max) => [0, max * 1.05]
};

function drillSentence(result) {
  if (result.knee_per_s == null) {
    const check = result.checks.find((each) => each.name === "knee");
    return `No knee was found${check ? `: ${check.finding}` : ""}.`;
  }
  const knee = formatRate(result.knee_per_s);
  const known = result.curve.length > 0 ? `The server keeps its objective up to ${knee}` :
                                          `With a knee said to be ${knee}`;
  return `${known}; ${checksText(result)}.`;
}

function checksText(result) {
  const named = (verdict) =>
      result.checks.filter((check) => check.verdict === verdict).map((check) => check.name);
  const failed = named("fail");
  const unsure = named("inconclusive");
  const count = result.checks.length;
  if (failed.length > 0) return `${failed.length} of ${count} checks failed: ${failed.join("; ")}`;
  if (unsure.length > 0) return `nothing can be said on ${unsure.join("; ")}`;
  return result.interrupted ? "interrupted before all checks were made" : `all ${count} checks passed`;
}

function badgeOf(verdict) {
  const kinds = {
    pass: ["good", "pass"],
    fail: ["bad", "fail"],
    inconclusive: ["unsure", "inconclusive"],
    interrupted: ["unsure", "interrupted"]
  };
  return verdictBadge(...kinds[verdict]);
}

function curveLine(curve, label, color, value, extra = {}) {
  return {label, color, points: curve.map((each) => [each.rate, value(each)]), ...extra};
}

function outcomeOf(each) {
  return each.kept ? "kept" : each.plan_held ? "too much" : "not sent on time";
}

// What became of the rates, by shape and colour.
function keptAndNot(curve, x, y) {
  const points = (outcome) =>
      curve.filter((each) => outcomeOf(each) === outcome).map((each) => [x(each), y(each)]);
  return [
    {label: "kept", color: "--blue", shape: "disc"}, {label: "too much", color: "--red", shape: "cross"},
    {label: "not sent on time", color: "--soft", shape: "ring"}
  ].map((series) => ({...series, points: points(series.label)}))
      .filter((series) => series.points.length > 0);
}

function goodputChart(result, curve) {
  const ends = [Math.min(...curve.map((each) => each.rate)), Math.max(...curve.map((each) => each.rate))];
  return chartFigure({
    title: "Rate asked and good replies",
    note: "On the dashed line all that is asked for is done.",
    x: kRate,
    y: {...kPerSecond, label: "good replies a second"},
    verticals: kneeMark(result),
    series: [
      {
        label: "as asked",
        color: "--soft",
        dash: [6, 4],
        width: 1.5,
        points: ends.map((rate) => [rate, rate])
      },
      ...keptAndNot(curve, (each) => each.rate, (each) => each.good_per_s)
    ]
  });
}

function kneeMark(result) {
  return result.knee_per_s == null ?
      [] :
      [{at: result.knee_per_s, label: `knee ${formatRate(result.knee_per_s)}`}];
}

function kneeLatencyChart(data, result, curve) {
  return chartFigure({
    title: "Rate asked and latency",
    note: "Of good replies, from when they were due. Log axis.",
    x: kRate,
    y: kLatency,
    verticals: kneeMark(result),
    horizontals: [{at: data.p99_ms, label: `objective: p99 ${formatLatencyTick(data.p99_ms)}`}],
    series: [
      curveLine(curve, "p50", "--green", (each) => each.p50_ms, {dash: [2, 3]}),
      curveLine(curve, "p99", "--soft", (each) => each.p99_ms, {width: 1.5}),
      ...keptAndNot(curve, (each) => each.rate, (each) => each.p99_ms)
          .map((series) => ({...series, label: `p99, ${series.label}`}))
    ]
  });
}

function throughputOf(law, n) {
  return law.lambda * n / (1 + law.sigma * (n - 1) + law.kappa * n * (n - 1));
}

function lawChart(result, curve) {
  if (result.scalability == null) return null;
  const law = result.scalability;
  const parts = `One at a time ${formatRate(law.lambda)}, contention ${law.sigma.toFixed(4)}, ` +
      `coherence ${law.kappa.toFixed(6)}`;
  const most = Math.max(...curve.map((each) => each.concurrency)) * 1.1;
  const line = Array.from({length: 101}, (_, i) => most * i / 100).map((n) => [n, throughputOf(law, n)]);
  return chartFigure({
    title: "At once and done: the scalability law",
    note: `${parts}; explains ${formatShare(law.r_squared)} of what varies.`,
    x: {
      label: "requests in the server at once, on average",
      format: formatNumber,
      range: (min, max) => [0, max]
    },
    y: {...kPerSecond, label: "good replies a second"},
    series: [
      {label: "fitted law", color: "--soft", points: line},
      ...keptAndNot(curve, (each) => each.concurrency, (each) => each.good_per_s)
    ]
  });
}

function curveTable(curve) {
  const columns = [
    {name: "asked", number: true}, {name: "good/s", number: true}, {name: "good", number: true},
    {name: "p50", number: true}, {name: "p99", number: true}, {name: "at once", number: true},
    {name: "measured"}, {name: ""}
  ];
  return table(
      "Every rate that was tried", columns,
      curve.map(
          (each) =>
              [formatRate(each.rate), formatNumber(each.good_per_s), formatShare(each.good_share),
               formatLatency(each.p50_ms), formatLatency(each.p99_ms),
               formatNumber(+each.concurrency.toFixed(1)),
               `${formatSeconds(each.length_s)}${each.confirms ? ", to confirm" : ""}`, outcomeOf(each)]));
}

function checksSection(data, result) {
  const rows = result.checks.map((check) => [check.name, badgeOf(check.verdict), check.finding]);
  return section(
      "Checks",
      `The objective: 99% of good replies within ${formatLatencyTick(data.p99_ms)}, ` +
          `at least ${formatThreshold(data.good_share)} of all requests good.`,
      table(
          "", [{name: "check"}, {name: "verdict"}, {name: "finding"}], rows,
          {label: "Checks", class: "wrap"}));
}

function kneeSection(data, result) {
  if (result.curve.length === 0) return null;
  const curve = [...result.curve].sort((a, b) => a.rate - b.rate);
  return section(
      "The knee",
      "Rates are doubled until one is too much, then the distance is halved; what is found is held for longer.",
      el("div", {class: "charts"}, goodputChart(result, curve), kneeLatencyChart(data, result, curve),
         lawChart(result, curve)),
      curveTable(curve));
}

function runCharts(run, marks) {
  return el(
      "div", {class: "charts"}, rateChart(run, marks), latencyChart(run, marks), inflightChart(run, marks),
      endingsChart(run, marks));
}

function overloadSection(data, run) {
  if (run == null) return null;
  const of = data.overload_distribution || {};
  return section(
      `Overload: ${formatNumber(data.overload)} times the knee`,
      "What is admitted should stay as quick as the objective asks; what is not should be told so at once.",
      runCharts(run, {}), serverCharts(data.readings.overload, {}),
      distributionChart(
          "Admitted and refused", "Log axes: each step to the right is ten times rarer.",
          [
            {label: "good replies", color: "--blue", width: 2.5, of: of.good},
            {label: "refusals", color: "--orange", dash: [6, 4], of: of.refused},
            {label: "failures", color: "--red", dash: [2, 3], of: of.failed}
          ]),
      runLatencyTable(run, true), endingsTable(run), secondsTable(run));
}

function surgeSection(data, result) {
  const run = result.surge;
  if (run == null) return null;
  const after = result.recovery_s;
  const verticals =
      [{at: data.surge_until_s, label: after === 0 ? "surge ends, normal at once" : "surge ends"}];
  if (after > 0)
    verticals.push({at: data.surge_until_s + after, label: `normal after ${formatSeconds(after)}`});
  const marks = {verticals, bands: [{from: 0, to: data.surge_until_s, label: "surge"}]};
  const end = after == null ?
      "It was not normal again while it was watched." :
      `All was normal again ${after === 0 ? "at once" : `${formatSeconds(after)} after the surge`}; ` +
          `at most ${formatSeconds(data.recovery_max_s)} are asked for.`;
  return section(
      `Surge: ${formatNumber(data.surge)} times the knee, then ${formatNumber(data.rest)} times`, end,
      runCharts(run, marks), serverCharts(data.readings.surge, marks), runLatencyTable(run, true),
      endingsTable(run), secondsTable(run));
}

// The time in which something disturbed the server.
function chaosSection(data, result) {
  const run = result.chaos;
  if (run == null) return null;
  const [from, to] = result.disturbed_s;
  const marks = {bands: [{from, to, label: "disturbed"}]};
  return section(
      `Disturbed: at ${formatNumber(data.chaos)} times the knee`,
      "Undisturbed, disturbed, undisturbed: what is refused should be refused at once, and all be as before soon after.",
      runCharts(run, marks), serverCharts(data.readings.chaos, marks), runLatencyTable(run, true),
      endingsTable(run), secondsTable(run));
}

const kBoundStyles = [
  {color: "--blue"}, {color: "--orange", dash: [7, 4]}, {color: "--green", dash: [2, 3]},
  {color: "--purple", dash: [9, 3, 2, 3]}, {color: "--red", dash: [4, 2]}
];

// [{name, limit, inUse, queued}...]: the most of each, the busiest first.
function boundPeaks(readings) {
  const peaks = new Map();
  for (const bound of readings.flatMap((reading) => reading.bounds)) {
    const peak = peaks.get(bound.name) || {name: bound.name, limit: bound.limit, inUse: 0, queued: 0};
    peak.inUse = Math.max(peak.inUse, bound.in_use);
    peak.queued = Math.max(peak.queued, bound.queued);
    peaks.set(bound.name, peak);
  }
  return [...peaks.values()].sort((a, b) => b.inUse / b.limit - a.inUse / a.limit);
}

// What the server said of itself (--admin); null where it was not asked.
function serverCharts(readings, marks) {
  if (readings.length === 0) return null;
  const peaks = boundPeaks(readings);
  const share = (reading, name) => {
    const bound = reading.bounds.find((each) => each.name === name);
    return bound && bound.limit > 0 ? bound.in_use / bound.limit : null;
  };
  const line = (of) => readings.map((reading) => [reading.at_s, of(reading)]);
  const chart = (title, y, series) => chartFigure({title, x: kTime, y, series, ...marks});
  const figures = [];
  if (peaks.length > 0) {
    const series =
        kBoundStyles.slice(0, peaks.length)
            .map(
                (style, i) =>
                    ({label: peaks[i].name, ...style, points: line((each) => share(each, peaks[i].name))}));
    const y = {label: "of its limit", format: formatShareTick, exact: formatShare};
    figures.push(chart("How much of the bounds is in use", y, series));
  }
  const mebibytes = (reading) => reading.memory == null ? null : reading.memory / 1048576;
  for (const [title, label, of] of [
           ["Tasks in the server", "tasks", (reading) => reading.tasks],
           ["Memory of the server", "MiB", mebibytes]]) {
    const points = line(of);
    if (points.every((point) => point[1] == null)) continue;
    figures.push(chart(title, {label, format: formatNumber}, [{label, color: "--blue", points}]));
  }
  const columns =
      [{name: ""}, ...["limit", "in use, most", "waiting, most"].map((name) => ({name, number: true}))];
  const rows = peaks.map((peak) => [peak.name, ...[peak.limit, peak.inUse, peak.queued].map(formatCount)]);
  return el("div", {}, el("div", {class: "charts"}, figures), table("Bounds", columns, rows));
}

function drillFigures(data, result) {
  const overload = result.overload;
  return keyFigures([
    {
      name: "knee",
      value: formatRate(result.knee_per_s),
      note: result.curve.length > 0 ? "the most that keeps the objective" : "as it was said"
    },
    overload ? {
      name: `good at ${formatNumber(data.overload)}× the knee`,
      value: formatRate(overload.good_per_s),
      note: `${formatShare(overload.good_per_s / result.knee_per_s)} of the knee`
    } :
               null,
    overload ?
        {name: "p99 of these", value: formatLatency(overload.good_latency.p99_ms), note: "under overload"} :
        null,
    overload ? {
      name: "p99 of refusals",
      value: overload.refused > 0 ? formatLatency(overload.refused_latency.p99_ms) : kNone,
      note: `${formatCount(overload.refused)} refused`
    } :
               null,
    result.surge ? {
      name: "recovery",
      value: result.recovery_s == null ? "never" :
          result.recovery_s === 0      ? "at once" :
                                         formatSeconds(result.recovery_s),
      note: "after the surge",
      kind: result.recovery_s == null ? "alert" : null
    } :
                   null,
  ].filter(Boolean));
}

function generatorSection(data, result) {
  const runs = [["overload", result.overload], ["surge", result.surge], ["disturbed", result.chaos]].filter(
      ([, run]) => run);
  if (runs.length === 0) return null;
  const columns = [
    {name: ""},
    ...["asked", "sent", "timely, of what was sent", "late, p99", "late, max", "CPU"].map(
        (name) => ({name, number: true}))
  ];
  return section(
      "Can this be believed?",
      `A check says nothing where fewer than ${formatThreshold(data.timely_share_min)} of what was sent ` +
          "was sent on time. What a full bound in flight keeps back is the server's doing.",
      table(
          "", columns,
          runs.map(
              ([name, run]) =>
                  [name, formatCount(run.due), formatCount(run.sent),
                   formatShare(run.timely / Math.max(run.sent, 1)), formatLatency(run.lag.p99_ms),
                   formatLatency(run.lag.max_ms),
                   `${(run.cpu_s / Math.max(run.measured_s, 1e-9)).toFixed(2)} cores`]),
          {label: "The generator's accuracy"}));
}

function drillReport(data) {
  const {result} = data;
  return [
    header(
        "Drill", drillSentence(result), badgeOf(result.verdict),
        [
          result.url, `p99 at most ${formatLatencyTick(data.p99_ms)}`,
          `${formatThreshold(data.good_share)} good`
        ]),
    drillFigures(data, result),
    checksSection(data, result),
    kneeSection(data, result),
    overloadSection(data, result.overload),
    surgeSection(data, result),
    chaosSection(data, result),
    generatorSection(data, result),
    commandSection(result.command, data.seed),
  ];
}
