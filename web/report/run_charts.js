// The charts and tables of load runs, shared by all kinds of reports.
"use strict";

const kTime = {
  label: "seconds from the start",
  format: (s) => `${+ s.toFixed(2)}`,
  at: (s) => formatSeconds(s),
  range: (min, max) => [0, max]
};
const kLatency = {
  label: "latency",
  log: true,
  format: formatLatencyTick,
  exact: formatLatency
};
const kPerSecond = {
  label: "requests a second",
  format: formatNumber,
  exact: formatRate
};

// Distance to 100% on a log axis, as HdrHistogram's plots have it.
const kPercentiles = {
  label: "percentile of requests",
  log: true,
  format: (x) => formatPercentile(100 - 100 / x),
  at: (x) => formatPercentile(+(100 - 100 / x).toPrecision(7)),
  range: (min, max) => [1, Math.max(max, 100)],
  ticks: (min, max) => [2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].filter((x) => x <= max * 1.001),
};

const kPercentileLines = [
  {key: "p50_ms", label: "p50", color: "--blue"},
  {key: "p90_ms", label: "p90", color: "--green"},
  {key: "p99_ms", label: "p99", color: "--orange"},
  {key: "p999_ms", label: "p99.9", color: "--red"},
  {key: "max_ms", label: "max", color: "--soft", dash: [2, 3], width: 1.5},
];

// What is drawn of a run: not the rest after its last whole second, of which a
// rate would be a rate of nothing.
function wholeIntervals(run) {
  const longest = Math.max(...run.intervals.map((interval) => interval.span_s), 0);
  return run.intervals.filter((interval) => interval.span_s >= longest / 2);
}

// [[middle of each interval, value]...]
function overTime(run, value) {
  return wholeIntervals(run).map((interval) => [interval.at_s - interval.span_s / 2, value(interval)]);
}

function rateOverTime(run, key) {
  return overTime(run, (interval) => interval[key] / interval.span_s);
}

function warmUpBand(run) {
  const warm = run.intervals.filter((interval) => interval.warm_up);
  return warm.length === 0 ? [] : [{from: 0, to: warm[warm.length - 1].at_s, label: "warm-up"}];
}

function timeChart(run, options, extra = {}) {
  return chartFigure({x: kTime, bands: warmUpBand(run), ...options, ...extra});
}

function rateChart(run, extra) {
  const series = [
    {label: "sent", color: "--purple", points: rateOverTime(run, "sent")},
    {label: "good replies", color: "--blue", width: 2.5, points: rateOverTime(run, "good")},
  ];
  if (run.mode === "closed") return timeChart(run, {title: "Rate achieved", series, y: kPerSecond}, extra);
  // Above the others: where all is well they are the same line.
  series.push({label: "asked", color: "--ink", dash: [3, 5], width: 1.5, points: rateOverTime(run, "due")});
  const note = "Good replies below the dashed line: asked for, and not achieved.";
  return timeChart(run, {title: "Rate asked and achieved", note, series, y: kPerSecond}, extra);
}

function inflightChart(run, extra) {
  return timeChart(
      run, {
        title: "In flight",
        y: {label: "requests", format: formatNumber},
        note: "Requests under way at the end of each second. What climbs and does not stop is a queue.",
        series:
            [{label: "in flight", color: "--blue", points: overTime(run, (interval) => interval.inflight)}]
      },
      extra);
}

function latencyChart(run, extra) {
  const from = run.mode === "closed" ? "was sent" : "was due";
  const series =
      kPercentileLines.map((line) => ({...line, points: overTime(run, (interval) => interval[line.key])}));
  const note = `Of all that ended in each second, whatever with, from when it ${from}. Log axis.`;
  return timeChart(run, {title: "Latency over time", note, series, y: kLatency}, extra);
}

const kEndingColors = ["--orange", "--red", "--purple", "--green", "--blue"];
const kEndingDashes = [undefined, [7, 3], [2, 3], [8, 3, 2, 3]];

function isGood(status) {
  return status >= 200 && status < 400;
}

function endingName(kind, name) {
  if (kind === "statuses") return name;
  return name === "system" ? "out of ports" : name.replaceAll("_", " ");
}

// What was not good, by status and reason; the most frequent have a line each.
function badEndings(run) {
  const bad = [];
  for (const kind of ["statuses", "errors"]) {
    for (const [name, count] of Object.entries(run[kind])) {
      if (kind === "errors" || !isGood(+name)) bad.push({kind, name, count});
    }
  }
  return bad.sort((a, b) => b.count - a.count);
}

function endingsChart(run, extra) {
  const kinds = badEndings(run).slice(0, 5);
  if (run.not_sent > 0) kinds.push({kind: "not_sent", name: "not sent"});
  if (kinds.length === 0) return null;
  const series =
      kinds.map((ending, i) => ({
                  label: ending.kind === "not_sent" ? "not sent" : endingName(ending.kind, ending.name),
                  color: ending.kind === "not_sent" ? "--soft" : kEndingColors[i % kEndingColors.length],
                  dash: kEndingDashes[i % kEndingDashes.length],
                  points: overTime(
                      run,
                      (interval) => (ending.kind === "not_sent" ? interval.not_sent :
                                                                  interval[ending.kind][ending.name] || 0) /
                          interval.span_s),
                }));
  return timeChart(
      run, {
        title: "Refusals and errors over time",
        series,
        y: kPerSecond,
        note: "By status, or by reason where there was no reply."
      },
      extra);
}

// Points of a distribution on the percentile axis; the largest value stands where
// the last request is.
function distributionPoints(of) {
  return of.points.map(
      ([percentile, ms]) => [percentile >= 100 ? Math.max(of.count, 1) : 100 / (100 - percentile), ms]);
}

function distributionChart(title, note, lines) {
  return chartFigure({
    title,
    note,
    height: 320,
    x: kPercentiles,
    y: kLatency,
    series: lines.filter((line) => line.of).map((line) => ({...line, points: distributionPoints(line.of)}))
  });
}

const kTallyPercentiles = [
  ["p50", "p50_ms"], ["p90", "p90_ms"], ["p99", "p99_ms"], ["p99.9", "p999_ms"], ["p99.99", "p9999_ms"],
  ["max", "max_ms"]
];

function latencyTable(caption, rows) {
  const columns = [
    {name: ""}, {name: "count", number: true}, {name: "mean", number: true},
    ...kTallyPercentiles.map(([name]) => ({name, number: true}))
  ];
  return table(
      caption, columns,
      rows.filter(([, of]) => of && of.count > 0)
          .map(
              ([name, of]) =>
                  [name, formatCount(of.count), formatLatency(of.mean_ms),
                   ...kTallyPercentiles.map(([, key]) => formatLatency(of[key]))]),
      {label: caption || "Percentiles"});
}

function endingsTable(run, caption = "How requests ended") {
  const all = run.good + run.refused + run.failed;
  const rows = [];
  for (const [name, count] of Object.entries(run.statuses)) {
    const what = isGood(+name) ? "good" : +name === 429 || +name === 503 ? "refused" : "failed";
    rows.push([`status ${name}`, what, formatCount(count), formatShare(count / all)]);
  }
  for (const [name, count] of Object.entries(run.errors)) {
    rows.push(
        [`no reply: ${endingName("errors", name)}`, "failed", formatCount(count), formatShare(count / all)]);
  }
  if (run.not_sent > 0) rows.push(["not sent: too many in flight", "", formatCount(run.not_sent), kNone]);
  if (run.unfinished > 0) rows.push(["under way when interrupted", "", formatCount(run.unfinished), kNone]);
  return table(
      caption,
      [
        {name: ""}, {name: "counts as"}, {name: "requests", number: true},
        {name: "of what ended", number: true}
      ],
      rows);
}

// Latencies of each class, service time, and how late the generator was.
function runLatencyTable(run, open) {
  const classes = run.refused + run.failed > 0 ?
      [
        ["of good replies", run.good_latency], ["of refusals", run.refused_latency],
        ["of failures", run.failed_latency]
      ] :
      [];
  return latencyTable("Percentiles", [
    [open ? "latency, from due" : "latency", run.latency], ...classes,
    open ? ["service time, from sent", run.service] : null
  ].filter(Boolean));
}

function secondsTable(run) {
  const columns = [
    "until", "asked", "sent", "good", "refused", "failed", "in flight", "p50", "p90", "p99", "p99.9", "max"
  ].map((name) => ({name, number: true}));
  const rows = run.intervals.map(
      (one) => ({
        class: one.warm_up ? "warm-up" : null,
        cells: [
          `${one.at_s.toFixed(1)} s`,
          ...[one.due, one.sent, one.good, one.refused, one.failed, one.inflight].map(formatCount),
          ...kPercentileLines.map((line) => formatLatency(one[line.key]))
        ]
      }));
  const grey = run.intervals.some((one) => one.warm_up) ?
      " The grey ones are the warm-up and count nowhere else." :
      "";
  return el(
      "details", {}, el("summary", {}, "Second by second, as numbers"),
      el("p", {class: "note"}, `Requests in each interval, not a rate.${grey}`),
      table("Second by second", columns, rows, {class: "tall"}));
}
