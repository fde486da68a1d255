// Reads what is to be shown and shows it. When done, the root element says how
// many charts were drawn and how many errors there were (data-charts,
// data-errors), for tests to see.
"use strict";

(function main() {
  const root = document.documentElement;
  let errors = 0;
  const finish = () => {
    root.dataset.charts = String(Charts.all.filter((entry) => entry.drawn).length);
    root.dataset.chartsWanted = String(Charts.wanted);
    root.dataset.errors = String(errors);
  };
  addEventListener("error", () => {
    ++errors;
    finish();
  });
  try {
    const data = JSON.parse(document.getElementById("data").textContent);
    const report = {load: loadReport, drill: drillReport, compare: compareReport}[data.kind];
    document.getElementById("report").append(...report(data).filter(Boolean));
    drawCharts();
  } catch (error) {
    ++errors;
    document.getElementById("report").prepend(
        banner("bad", "This report could not be shown.", String(error)));
    console.error(error);
  }
  // uPlot draws in a microtask.
  setTimeout(finish, 0);
})();
