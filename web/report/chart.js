// Charts: uPlot with axes that have units, a legend that is a list of buttons,
// keys (arrows move the cursor), colours of the page in light, dark and print.
"use strict";

const Charts = {
  drawn: 0,
  wanted: 0,
  all: []
};

function cssColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Between two and about ten ticks: 1, 2 and 5 of each power of ten, or the
// powers alone where they are many.
function logTicks(min, max) {
  const ticks = [];
  const steps = Math.log10(max / min) > 3.5 ? [1] : Math.log10(max / min) > 1.2 ? [1, 3] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); ++power) {
    for (const step of steps) {
      const tick = +(step * 10 ** power).toPrecision(3);
      if (tick >= min * 0.999 && tick <= max * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

// Out to the next 1, 2 or 5 of a power of ten.
function logRange(min, max) {
  if (min == null || max == null) return [1, 10];
  const low = logTicksAround(min / 1.05).filter((tick) => tick <= min / 1.05).pop();
  const high = logTicksAround(max * 1.05).find((tick) => tick >= max * 1.05);
  return low * 2 >= high ? [low / 2, high * 2] : [low, high];
}

function logTicksAround(value) {
  const power = Math.floor(Math.log10(value));
  return [power - 1, power, power + 1].flatMap(
      (of) => [1, 2, 5].map((step) => +(step * 10 ** of).toPrecision(3)));
}

function linearRange(min, max) {
  return [0, max == null || max <= 0 ? 1 : max * 1.08];
}

// Everything a chart draws beside its lines: bands below them, marks above.
function drawBands(u, bands) {
  for (const band of bands) {
    const left = u.valToPos(band.from, "x", true);
    const right = u.valToPos(Math.min(band.to, u.scales.x.max), "x", true);
    u.ctx.fillStyle = cssColor("--band");
    u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
    if (!band.label) continue;
    u.ctx.font = `${12 * devicePixelRatio}px ${cssColor("--font")}`;
    u.ctx.fillStyle = cssColor("--soft");
    u.ctx.textAlign = "left";
    if (u.ctx.measureText(band.label).width > right - left) continue;
    u.ctx.fillText(
        band.label, left + 5 * devicePixelRatio, u.bbox.top + u.bbox.height - 7 * devicePixelRatio);
  }
}

// With a rim of paper, so that it can be read across a line.
function drawLabel(ctx, text, x, y) {
  ctx.save();
  ctx.setLineDash([]);
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.lineJoin = "round";
  ctx.strokeStyle = cssColor("--paper");
  ctx.strokeText(text, x, y);
  ctx.fillText(text, x, y);
  ctx.restore();
}

function drawMarks(u, chart) {
  const {ctx} = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${12 * ratio}px ${cssColor("--font")}`;
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 4 * ratio]);
  ctx.strokeStyle = ctx.fillStyle = cssColor("--soft");
  (chart.verticals || []).forEach((mark, i) => {
    const x = Math.round(u.valToPos(mark.at, "x", true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    ctx.beginPath();
    ctx.moveTo(x, u.bbox.top);
    ctx.lineTo(x, u.bbox.top + u.bbox.height);
    ctx.stroke();
    const right = x < u.bbox.left + u.bbox.width * 0.6;
    ctx.textAlign = right ? "left" : "right";
    drawLabel(ctx, mark.label, x + (right ? 5 : -5) * ratio, u.bbox.top + (14 + 16 * (i % 2)) * ratio);
  });
  for (const mark of chart.horizontals || []) {
    const y = Math.round(u.valToPos(mark.at, "y", true));
    if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) continue;
    ctx.beginPath();
    ctx.moveTo(u.bbox.left, y);
    ctx.lineTo(u.bbox.left + u.bbox.width, y);
    ctx.stroke();
    ctx.textAlign = "left";
    drawLabel(ctx, mark.label, u.bbox.left + 6 * ratio, y - 6 * ratio);
  }
  ctx.restore();
}

function drawShape(ctx, shape, x, y, size) {
  ctx.beginPath();
  if (shape === "cross") {
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x + size, y - size);
    ctx.lineTo(x - size, y + size);
    ctx.stroke();
  } else {
    ctx.arc(x, y, size, 0, 2 * Math.PI);
    if (shape === "disc")
      ctx.fill();
    else
      ctx.stroke();
  }
}

// Points by shape as well as by colour.
function drawShapes(u, chart) {
  chart.series.forEach((series, i) => {
    if (!series.shape || !u.series[i + 1].show) return;
    const {ctx} = u;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = cssColor(series.color);
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash([]);
    u.data[i + 1].forEach((value, k) => {
      if (value == null) return;
      drawShape(
          ctx, series.shape, u.valToPos(u.data[0][k], "x", true), u.valToPos(value, "y", true),
          4.5 * devicePixelRatio);
    });
    ctx.restore();
  });
}

// A line, a dash or a shape as the legend shows it: SVG, so that it prints.
function swatch(series) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const add = (name, attributes) => {
    const node = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.style.stroke = `var(${series.color})`;
    svg.append(node);
    return node;
  };
  svg.setAttribute("viewBox", "0 0 22 10");
  svg.setAttribute("aria-hidden", "true");
  if (series.shape === "cross") {
    add("path", {d: "M7 1L15 9M15 1L7 9", "stroke-width": 2});
  } else if (series.shape) {
    add("circle", {cx: 11, cy: 5, r: 4, "stroke-width": 2}).style.fill =
        series.shape === "disc" ? `var(${series.color})` : "none";
  } else {
    add("line", {
      x1: 0,
      x2: 22,
      y1: 5,
      y2: 5,
      "stroke-width": series.width || 2,
      "stroke-dasharray": (series.dash || []).join(" ")
    });
  }
  return svg;
}

function seriesOptions(series) {
  return {
    label: series.label,
    stroke: () => cssColor(series.color),
    // Where points are closer than a line is wide, it would be a band.
    width: series.points.length > 400 ? 1 : series.width || 2,
    dash: series.dash,
    paths: series.shape ? () => null : undefined,
    points: {show: false},
    // Lines go on where another series has an instant that this one has not.
    spanGaps: true,
  };
}

function axisOptions(side, axis, narrow) {
  return {
    scale: side,
    stroke: () => cssColor("--soft"),
    grid: {stroke: () => cssColor("--grid"), width: 1},
    ticks: {show: false},
    font: `12px ${cssColor("--font")}`,
    labelFont: `12px ${cssColor("--font")}`,
    label: axis.label,
    labelSize: 18,
    labelGap: 2,
    gap: 6,
    size: side === "y" ? (narrow ? 56 : 64) : 30,
    space: side === "y" ? 32 :
        narrow          ? 56 :
                          70,
    values: (u, splits) => splits.map((value) => (value == null ? "" : axis.format(value))),
    ...(axis.log ? {
      splits: (u, index, min, max) => (axis.ticks || logTicks)(min, max),
      filter: (u, splits) => splits
    } :
                   {}),
  };
}

// The value at `index`, or the last before it: series have instants of their own.
function valueAt(values, index) {
  for (let i = index; i >= 0 && i > index - 5; --i) {
    if (values[i] != null) return values[i];
  }
  return null;
}

function legendOf(chart, toggled) {
  const values = [];
  const items = chart.series.map((series, i) => {
    const value = el("span", {class: "value"});
    values.push(value);
    const button =
        el("button", {type: "button", "aria-pressed": "true", title: "Show or hide"}, swatch(series),
           el("span", {}, series.label), value);
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      toggled(i + 1, shown);
    });
    return button;
  });
  const at = el("span", {class: "at"});
  return {node: el("div", {class: "legend"}, items, at), values, at};
}

function showCursor(u, chart, legend) {
  const index = u.cursor.idx;
  const outside = index == null;
  legend.at.textContent =
      outside ? "" : `at ${chart.x.at ? chart.x.at(u.data[0][index]) : chart.x.format(u.data[0][index])}`;
  chart.series.forEach((series, i) => {
    const value = outside ? null : valueAt(u.data[i + 1], index);
    legend.values[i].textContent = value == null ? "" : (chart.y.exact || chart.y.format)(value);
  });
}

function moveByKeys(u, event) {
  const last = u.data[0].length - 1;
  const step = event.shiftKey ? 10 : 1;
  const now = u.cursor.idx;
  const to = {
    ArrowRight: now == null ? 0 : now + step,
    ArrowLeft: now == null ? last : now - step,
    Home: 0,
    End: last
  }[event.key];
  if (event.key === "Escape") u.setCursor({left: -10, top: -10});
  if (to == null) return;
  event.preventDefault();
  const index = Math.max(0, Math.min(last, to));
  u.setCursor({left: u.valToPos(u.data[0][index], "x"), top: u.over.clientHeight / 2});
}

// chart: {title, note, x: {label, format, at, log, ticks}, y: {label, format, exact, log}, height,
//         series: [{label, color, dash, width, shape, points: [[x, y]...]}],
//         bands: [{from, to, label}], verticals: [{at, label}], horizontals: [{at, label}]}
// Drawn once it is in the page: drawCharts().
function chartFigure(chart) {
  const plot = el("div", {
    class: "plot",
    tabindex: "0",
    role: "group",
    "aria-label": `Chart: ${chart.title}. Arrow keys move the cursor.`
  });
  const figure =
      el("figure", {},
         el("figcaption", {}, el("h3", {}, chart.title),
            chart.note ? el("p", {class: "note"}, chart.note) : null),
         plot);
  ++Charts.wanted;
  Charts.all.push({chart, plot, figure});
  return figure;
}

// One table of x and of each series, with gaps where it has none.
function dataOf(chart) {
  const clean = (axis, value) => (axis.log && !(value > 0) ? null : value);
  return uPlot.join(chart.series.map((series) => {
    const points = series.points.filter((point) => clean(chart.x, point[0]) != null);
    return [points.map((point) => point[0]), points.map((point) => clean(chart.y, point[1]))];
  }));
}

function drawChart(entry) {
  const {chart, plot, figure} = entry;
  const width = plot.clientWidth;
  const narrow = width < 500;
  const legend = legendOf(chart, (index, show) => entry.uplot.setSeries(index, {show}));
  const scale = (axis, linear) => ({
    time: false,
    distr: axis.log ? 3 : 1,
    range: (u, min, max) => (axis.range || (axis.log ? logRange : linear))(min, max)
  });
  entry.uplot = new uPlot(
      {
        width,
        pxAlign: 0,
        height: chart.height || (narrow ? 230 : 260),
        legend: {show: false},
        padding: [8, narrow ? 8 : 16, 0, 0],
        cursor: {y: false, drag: {x: false, y: false}, points: {size: 7}},
        scales: {
          x: scale(chart.x, (min, max) => [min, max === min ? min + 1 : max]),
          y: scale(chart.y, linearRange)
        },
        axes: [axisOptions("x", chart.x, narrow), axisOptions("y", chart.y, narrow)],
        series: [{}, ...chart.series.map(seriesOptions)],
        hooks: {
          drawClear: [(u) => drawBands(u, chart.bands || [])],
          draw: [(u) => {
            drawShapes(u, chart);
            drawMarks(u, chart);
            entry.drawn = true;
          }],
          setCursor: [(u) => showCursor(u, chart, legend)],
        },
      },
      dataOf(chart), plot);
  figure.querySelector("figcaption").after(legend.node);
  plot.addEventListener("keydown", (event) => moveByKeys(entry.uplot, event));
}

function redrawCharts() {
  for (const {uplot} of Charts.all)
    if (uplot) uplot.redraw(false, true);
}

// To be called when all figures are in the page.
function drawCharts() {
  for (const entry of Charts.all) drawChart(entry);
  const observer = new ResizeObserver((changes) => {
    for (const {target} of changes) {
      const {uplot} = Charts.all.find(({plot}) => plot === target);
      if (target.clientWidth > 0 && target.clientWidth !== uplot.width) {
        uplot.setSize({width: target.clientWidth, height: uplot.height});
      }
    }
  });
  for (const {plot} of Charts.all) observer.observe(plot);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawCharts);
  // Paper is white, whatever the screen is.
  const onPaper = (light) => {
    if (light)
      document.documentElement.dataset.theme = "light";
    else
      delete document.documentElement.dataset.theme;
    redrawCharts();
  };
  addEventListener("beforeprint", () => onPaper(true));
  addEventListener("afterprint", () => onPaper(false));
}
