// Elements. Whatever comes from outside becomes text and never markup: nothing
// here, nor in the files that use it, writes HTML.
"use strict";

// el("p", {class: "note"}, "text", el("b", {}, "more")): null children are left out.
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === true)
      node.setAttribute(key, "");
    else if (value != null && value !== false)
      node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

function section(title, note, ...children) {
  return el("section", {}, el("h2", {}, title), note ? el("p", {class: "note"}, note) : null, ...children);
}

// `columns`: [{name, number}] ; rows: arrays of texts or nodes. What is too wide
// is scrolled within.
function table(caption, columns, rows, options = {}) {
  const head =
      columns.map((column) => el("th", {scope: "col", class: column.number ? "number" : null}, column.name));
  const body = rows.map(
      (row) =>
          el("tr", {class: row.class || null},
             (row.cells || row)
                 .map(
                     (cell, i) => i === 0 ?
                         el("th", {scope: "row", class: columns[i].number ? "number" : null}, cell) :
                         el("td", {class: columns[i].number ? "number" : null}, cell))));
  const whole =
      el("table", {}, caption ? el("caption", {}, caption) : null, el("thead", {}, el("tr", {}, head)),
         el("tbody", {}, body));
  return el(
      "div", {
        class: `scroll ${options.class || ""}`,
        tabindex: "0",
        role: "region",
        "aria-label": options.label || caption || "table"
      },
      whole);
}

// `figures`: [{name, value, note, kind}]
function keyFigures(figures) {
  return el(
      "dl", {class: "figures"},
      figures.map(
          (figure) =>
              el("div", {class: figure.kind || null}, el("dt", {}, figure.name), el("dd", {}, figure.value),
                 figure.note ? el("dd", {class: "small"}, figure.note) : null)));
}

// kind: good, bad, unsure
function verdictBadge(kind, text) {
  const marks = {good: "✓", bad: "✕", unsure: "?"};
  return el("span", {class: `badge ${kind}`}, el("span", {"aria-hidden": "true"}, marks[kind]), ` ${text}`);
}

function banner(kind, title, ...children) {
  return el("div", {class: `banner ${kind}`, role: "note"}, el("strong", {}, title), " ", ...children);
}

function header(kicker, sentence, badge, facts) {
  return el(
      "header", {}, el("p", {class: "kicker"}, kicker), el("h1", {}, sentence),
      el("div", {class: "facts"}, badge, facts.filter(Boolean).map((fact) => el("span", {}, fact))));
}

function commandSection(command, seed) {
  const code = el("code", {}, command);
  const button = el("button", {type: "button", class: "copy"}, "Copy");
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    // Where a page may not write there, it is selected, to be copied by hand.
    const copied = navigator.clipboard ? navigator.clipboard.writeText(command) : Promise.reject();
    copied.then(
        () => {
          button.textContent = "Copied";
        },
        () => {
          button.textContent = "Selected";
        });
  });
  return section(
      "Do it again", seed == null ? null : `Seed ${seed}: with it, all that is random is the same again.`,
      el("div", {class: "command"}, el("pre", {tabindex: "0"}, code), button));
}
