// The report of a load run.
"use strict";

function askedText(record) {
  if (record.mode !== "open") return `With ${record.plan} in a closed loop`;
  return `Asked for ${formatRate(record.due / record.measured_s)}`;
}

function loadSentence(record) {
  const ended = Math.max(record.good + record.refused + record.failed, 1);
  const refused =
      record.refused > 0 ? `${formatShare(record.refused / ended)} were refused` : "nothing was refused";
  const failed = record.failed > 0 ? `${formatShare(record.failed / ended)} failed` : "nothing failed";
  const quick = record.good > 0 ? `, 99% of them within ${formatLatency(record.good_latency.p99_ms)}` : "";
  const unsure = record.verdict === "inconclusive" ? "Inconclusive. " : "";
  const good = `the server gave ${formatRate(record.good_per_s)} good replies`;
  const unsent =
      record.not_sent > 0 ? `, ${formatShare(record.not_sent / record.due)} were not even sent` : "";
  return `${unsure}${askedText(record)}, ${good}${quick}; ${refused}, ${failed}${unsent}.`;
}

function loadBadge(record) {
  switch (record.verdict) {
    case "held":
      return verdictBadge("good", record.mode === "open" ? "plan held" : "measured");
    case "inconclusive":
      return verdictBadge("unsure", "inconclusive");
    case "interrupted":
      return verdictBadge("unsure", "interrupted");
    default:
      return verdictBadge("bad", "redirected");
  }
}

function soonEnough(record, least) {
  const timely = formatLatencyTick(record.timely_ms);
  return `within ${timely} of when they were due; it takes ${formatThreshold(least)}`;
}

function loadBanner(record, least) {
  switch (record.verdict) {
    case "inconclusive":
      return banner(
          "unsure", "Nothing can be said of this server.",
          `Only ${formatShare(record.timely_share)} of the requests were sent, and `,
          `${soonEnough(record, least)}. `,
          "What follows is what happened, but not to the plan that was asked for.");
    case "interrupted":
      return banner(
          "unsure", "Interrupted.",
          `Measured until then; ${formatCount(record.unfinished)} requests were under way.`);
    case "redirected":
      return banner(
          "bad", "Most replies were redirects,",
          "which are not followed: it was not the server's work that was measured.");
    default:
      return null;
  }
}

function loadFigures(record) {
  const ended = Math.max(record.good + record.refused + record.failed, 1);
  return keyFigures([
    {
      name: "good replies",
      value: formatRate(record.good_per_s),
      note: `${formatCount(record.good)} in ${formatSeconds(record.measured_s)}`
    },
    {name: "p50", value: formatLatency(record.latency.p50_ms), note: "all requests"},
    {name: "p99", value: formatLatency(record.latency.p99_ms), note: "all requests"},
    {name: "p99.9", value: formatLatency(record.latency.p999_ms), note: "all requests"},
    {name: "refused", value: formatShare(record.refused / ended), note: formatCount(record.refused)},
    {
      name: "failed",
      value: formatShare(record.failed / ended),
      note: formatCount(record.failed),
      kind: record.failed > 0 ? "alert" : null
    },
  ]);
}

function groupsSection(record) {
  if (record.groups.length === 0) return null;
  const columns = [
    {name: ""},
    ...["requests", "good", "refused", "failed", "good p50", "good p99", "good p99.9"].map(
        (name) => ({name, number: true}))
  ];
  const rows = record.groups.map((group) => {
    const all = group.good + group.refused + group.failed;
    const share = (count) => `${formatCount(count)} (${formatShare(count / Math.max(all, 1))})`;
    return [
      el("span", {}, el("span", {class: "soft"}, `${group.label} `), group.name), formatCount(all),
      formatCount(group.good), share(group.refused), share(group.failed),
      formatLatency(group.good_latency.p50_ms), formatLatency(group.good_latency.p99_ms),
      formatLatency(group.good_latency.p999_ms)
    ];
  });
  return section(
      "By kind of request, tenant and priority", null, table("", columns, rows, {label: "Groups"}));
}

// The generator is measured as well.
function accuracySection(record, least) {
  const cores = record.cpu_s / Math.max(record.measured_s, 1e-9);
  if (record.mode !== "open") {
    return section(
        "Closed loop",
        "A connection sends when its last request was answered, so a server that stalls is asked less: " +
            "these latencies do not hold what users would have waited meanwhile. For comparison with other such tools only.");
  }
  const held = record.timely_share >= least;
  return section(
      "Can this be believed?", null,
      el("p", {class: "verdict"},
         verdictBadge(held ? "good" : "unsure", held ? "the plan was held" : "inconclusive"),
         ` ${formatShare(record.timely_share)} of ${formatCount(record.due)} requests were sent, and `,
         `${soonEnough(record, least)}.`),
      keyFigures([
        {
          name: "timely",
          value: formatShare(record.timely_share),
          note: `${formatCount(record.sent - record.timely)} late`,
          kind: held ? null : "alert"
        },
        {
          name: "not sent",
          value: formatCount(record.not_sent),
          note: `over ${formatCount(record.inflight_max)} in flight`,
          kind: record.not_sent > 0 ? "alert" : null
        },
        {name: "late, p99", value: formatLatency(record.lag.p99_ms), note: "from due to sent"},
        {name: "late, max", value: formatLatency(record.lag.max_ms), note: "from due to sent"},
        {name: "generator's CPU", value: `${cores.toFixed(2)} cores`, note: `${record.cpu_s.toFixed(2)} s`},
        {name: "connections", value: formatCount(record.connects), note: "opened"},
      ]));
}

function loadReport(data) {
  const {record, distribution} = data.runs[0];
  const open = record.mode === "open";
  const classes = record.refused + record.failed > 0;
  const lines = [
    {label: open ? "latency, from due" : "latency", color: "--blue", width: 2.5, of: distribution.latency},
    open ? {label: "service time, from sent", color: "--orange", dash: [6, 4], of: distribution.service} :
           null,
    classes ? {label: "good replies", color: "--green", dash: [2, 3], of: distribution.good} : null,
    classes && distribution.refused ?
        {label: "refusals", color: "--purple", dash: [8, 3, 2, 3], of: distribution.refused} :
        null,
  ].filter(Boolean);
  const warmUp = Math.max(...record.intervals.map((one) => one.warm_up ? one.at_s : 0), 0);
  const facts = [
    record.url,
    `${record.plan} for ${formatSeconds(record.planned_s)}`,
    record.generators > 1 ? `${record.generators} generators` : null,
    warmUp > 0 ? `the first ${formatSeconds(warmUp)}, shaded, are a warm-up` : null,
  ];
  return [
    header(open ? "Load, open loop" : "Load, closed loop", loadSentence(record), loadBadge(record), facts),
    loadBanner(record, data.timely_share_min),
    loadFigures(record),
    section(
        "Over time", null,
        el("div", {class: "charts"}, rateChart(record), latencyChart(record), inflightChart(record),
           endingsChart(record)),
        secondsTable(record)),
    section(
        "Latency",
        open ? "From the instant a request was due: a server that stalls is charged for all that came due " +
                "meanwhile. Where service time lies far below, requests waited to be sent or answered in line." :
               null,
        distributionChart("Distribution", "Log axes: each step to the right is ten times rarer.", lines),
        runLatencyTable(record, open)),
    section("How requests ended", null, endingsTable(record, "")),
    groupsSection(record),
    accuracySection(record, data.timely_share_min),
    commandSection(record.command, record.seed),
  ];
}
