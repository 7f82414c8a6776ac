"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const BLUE = "#0072b2", ORANGE = "#d55e00";

// Tables: a click on a column's name sorts by it, another click the other way round.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  table.querySelectorAll("thead th[scope=col]").forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((one, other) => inOrder(one.cells[column], other.cells[column], up)));
    });
  });
}

// Cells without a number stay below, whichever way.
function inOrder(one, other, up) {
  const [a, b] = [one.dataset.value, other.dataset.value];
  if (a !== undefined && b !== undefined) return up ? a - b : b - a;
  if (a !== undefined || b !== undefined) return a !== undefined ? -1 : 1;
  return (up ? 1 : -1) * one.textContent.localeCompare(other.textContent);
}

// Charts are drawn when they come near the window, and all of them before the page is printed.
const isNight = (printed) => dark.matches && !printed;

function coloured(layout, printed) {
  const night = isNight(printed);
  const line = night ? "#363c44" : "#d8dee4";
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true };
  return {
    ...layout,
    template: {
      layout: {
        font: { family: "system-ui, sans-serif", size: printed ? 9 : 12, color: night ? "#e6e8eb" : "#1b1f24" },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        colorway: [BLUE, "#e69f00", "#009e73", "#cc79a7", "#56b4e9", ORANGE],
        xaxis: axis,
        yaxis: axis,
        margin: { t: 16, r: 16, b: 48, l: 64 },
        hoverlabel: { namelength: -1 },
      },
    },
    // Above the chart: beside it, there is no room on a phone, and none on paper.
    legend: { ...layout.legend, orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
    autosize: true,
  };
}

const OPTIONS = {
  displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"],
  // Where nothing hovers, its buttons would stand over the chart for good.
  displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false,
};

function show(place, data, layout, printed) {
  // Paper waits for nobody to notice that it is narrower.
  const size = printed ? { width: place.clientWidth, height: place.clientHeight } : {};
  Plotly.react(place, data, { ...layout, ...size }, OPTIONS);
}

function draw(place, printed = false) {
  const chart = page.charts[place.dataset.chart];
  show(place, chart.data, coloured(chart.layout, printed), printed);
}

const places = [...document.querySelectorAll("[data-chart]")];
const near = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) {
    if (isIntersecting) {
      near.unobserve(target);
      draw(target);
    }
  }
}, { rootMargin: "600px" });
places.forEach((place) => near.observe(place));

function redraw(printed) {
  document.documentElement.classList.toggle("paper", printed);
  places.filter((place) => printed || place.classList.contains("js-plotly-plot")).forEach((place) => draw(place, printed));
  compare(printed);
}
dark.addEventListener("change", () => redraw(false));
addEventListener("beforeprint", () => redraw(true));
addEventListener("afterprint", () => redraw(false));

// Two trials side by side: counted from what each said of every test image.
function numbers(text, classes) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return classes <= 256 ? bytes : new Uint16Array(bytes.buffer);
}

function judged(name) {
  const trial = page.trials[name];
  const { classes, labels } = page.images[trial.images];
  const truth = numbers(labels, classes.length), said = numbers(trial.predictions, classes.length);
  const counts = classes.map(() => new Array(classes.length).fill(0));
  truth.forEach((label, image) => counts[label][said[image]]++);
  return { name, classes, truth, said, counts, images: trial.images };
}

// Plotly reads some HTML in texts; names of classes are a person's own.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const brief = (text, most) => (text.length <= most ? text : `${text.slice(0, most / 2)}…${text.slice(-most / 3)}`);

// Names beside a matrix, short enough for it; of very many, some.
function ticks(classes) {
  const every = Math.ceil(classes.length / 30), some = classes.filter((_, place) => place % every === 0);
  return { type: "category", tickmode: "array", tickvals: some.map(plain), ticktext: some.map((name) => plain(brief(name, 24))) };
}

function matrix(id, { classes, values, range, sign, caption }, printed) {
  const none = isNight(printed) ? "#1f242a" : "#f3f5f7";
  const colours = sign ? [[0, ORANGE], [0.5, none], [1, BLUE]] : [[0, none], [1, BLUE]];
  document.getElementById(`caption-${id}`).textContent = caption;
  const names = classes.map(plain), crowded = classes.length > 12;
  const text = values.map((row) => row.map((value) => (value ? (sign && value > 0 ? `+${value}` : `${value}`) : crowded ? "" : "0")));
  const shares = values.map((row, place) => row.map((value) => (sign ? value : value / Math.max(range[place], 1))));
  const most = sign ? Math.max(1, ...values.flat().map(Math.abs)) : 1;
  const trace = {
    type: "heatmap", x: names, y: names, z: shares, text, texttemplate: crowded ? "" : "%{text}", customdata: values,
    hovertemplate: "is %{y}, taken for %{x}: %{text}<extra></extra>",
    colorscale: colours, zmin: sign ? -most : 0, zmax: most, showscale: false, xgap: 1, ygap: 1,
  };
  const layout = coloured({
    xaxis: { title: { text: "taken for" }, tickangle: -45, ...ticks(classes) },
    yaxis: { title: { text: "is", standoff: 12 }, autorange: "reversed", ...ticks(classes) },
  }, printed);
  show(document.getElementById(`matrix-${id}`), [trace], layout, printed);
}

function figures({ counts }, place) {
  const hits = counts[place][place];
  const said = counts.reduce((sum, row) => sum + row[place], 0), there = counts[place].reduce((sum, count) => sum + count, 0);
  return { there, precision: hits / Math.max(said, 1), recall: hits / Math.max(there, 1), f1: (2 * hits) / Math.max(said + there, 1) };
}

function sentence(one, other) {
  if (one.name === other.name) return "The same trial twice.";
  const known = page.sentences[`${one.name} ${other.name}`];
  if (known) return known;
  const right = [one, other].map(({ said, truth }) => said.reduce((sum, guess, image) => sum + (guess === truth[image]), 0));
  return `${one.name} is right about ${right[0]} of ${one.truth.length} test images, ${other.name} about ${right[1]}. ` +
    `Whether that is more than chance is told by: ` +
    document.getElementById("sentence").dataset.compare.replace("FIRST", one.name).replace("SECOND", other.name);
}

function cells(kind, texts, span = 1) {
  return texts.map((text, column) => {
    const made = document.createElement(kind);
    made.textContent = brief(`${text}`, 36);
    if (made.textContent !== `${text}`) made.title = text;
    if (kind === "th") made.scope = span > 1 ? "colgroup" : "col";
    if (column) [made.className, made.colSpan] = ["number", span];
    return made;
  });
}

function byClass(one, other) {
  const table = document.getElementById("by-class"), names = ["precision", "recall", "f1"];
  const rows = one.classes.map((label, place) => {
    const [a, b] = [figures(one, place), figures(other, place)];
    const told = names.flatMap((name) => {
      // Rounded first, and without the sign of a zero.
      const points = Math.round(10000 * (b[name] - a[name])) / 100 || 0;
      return [a[name].toFixed(4), b[name].toFixed(4), `${points >= 0 ? "+" : ""}${points.toFixed(2)}`];
    });
    return cells("td", [label, a.there, ...told]);
  });
  const heads = [
    [...cells("th", ["", ""]), ...cells("th", ["", ...names], 3).slice(1)],
    cells("th", ["class", "images", ...names.flatMap(() => [one.name, other.name, "points"])]),
  ];
  const row = (made) => {
    const line = document.createElement("tr");
    line.append(...made);
    return line;
  };
  table.tHead.replaceChildren(...heads.map(row));
  table.tBodies[0].replaceChildren(...rows.map(row));
}

const first = document.getElementById("first"), second = document.getElementById("second");

function compare(printed = false) {
  if (!first) return;
  const [one, other] = [judged(first.value), judged(second.value)];
  const alike = one.images === other.images;
  document.getElementById("sentence").textContent = alike
    ? sentence(one, other)
    : `${one.name} and ${other.name} were not judged on the same images; choose trials that were.`;
  const sums = ({ counts }) => counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  const shown = ({ name, classes, counts }) => ({ classes, values: counts, range: sums({ counts }), sign: false, caption: name });
  matrix("first", shown(one), printed);
  matrix("second", shown(other), printed);
  document.querySelector(".matrices figure:last-child").hidden = document.getElementById("by-class").hidden = !alike;
  if (!alike) return;
  const values = one.counts.map((row, y) => row.map((count, x) => other.counts[y][x] - count));
  matrix("difference", { classes: one.classes, values, range: [], sign: true, caption: `${other.name} minus ${one.name}` }, printed);
  byClass(one, other);
}

if (first) {
  const [one, other] = page.compared;
  [first.value, second.value] = [one, other];
  [first, second].forEach((choice) => choice.addEventListener("change", () => compare()));
  compare();
}
