// What the underflow and the overflow slider share: a table of one value's bits, and a lane of gradients per format.
// `scale` says where the magnitudes are drawn: { width, unit: pixels of a binade, at: x of an exponent }.

import { html, setAttribute, setText, svg, uniqueId } from "./shared.js";

export const THUMB = 18; // width of the slider's thumb, whose centre stands above the ruler (see shared.css)
const TALL = 40; // height of the tallest bar, standing on the floor or hanging where it fell through
const MARGIN = 4;
const FLOOR = 7; // thickness of the floor under numbers of full precision

// ---- the single value: its bits in each format, and what became of it

export function valueTable(rows) {
  const heads = ["format", "bits", "becomes", "error", "what became of it"];
  return html("table", { role: "table" },
    html("caption", {}, "the value ", html("b", { class: "simfp-exact" }), html("span", { class: "simfp-legend" },
      html("i", { class: "simfp-bit simfp-sign" }, "s"), "sign ",
      html("i", { class: "simfp-bit simfp-exponent" }, "e"), "exponent ",
      html("i", { class: "simfp-bit simfp-mantissa" }, "m"), "mantissa")),
    html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, ...heads.map((head) => html("th", { scope: "col", role: "columnheader" }, head)))),
    html("tbody", { role: "rowgroup" }, ...rows.map((row) => row.element)));
}

export function valueRow(row) {
  const names = ["sign", "exponent", "mantissa"];
  const fields = row.bits[0].split(" ").map((bits, field) =>
    html("span", { class: "simfp-field" }, ...Array.from(bits, () => html("i", { class: `simfp-bit simfp-${names[field]}` }))));
  const bits = fields.flatMap((field) => [...field.children]);
  const picture = html("div", { class: "simfp-bits", role: "img" }, ...fields);
  const [after, error, became] = ["after", "error", "became"].map((name) => html("td", { role: "cell", class: `simfp-${name}` }));
  const element = html("tr", { role: "row", "data-format": row.label },
    html("th", { scope: "row", role: "rowheader" }, chip(row), row.label),
    html("td", { role: "cell" }, picture), after, error, became);
  function move(index) {
    Array.from(row.bits[index].replaceAll(" ", "")).forEach((digit, i) => {
      setText(bits[i], digit);
      bits[i].classList.toggle("simfp-one", digit === "1");
    });
    setAttribute(picture, "aria-label", row.bits[index].split(" ").map((part, i) => `${names[i]} ${part}`).join(", "));
    setText(after, row.after[index]);
    setText(error, row.error[index]);
    setText(became, row.became[index]);
  }
  return { element, move, words: () => `${row.label} ${after.textContent}, ${became.textContent}` };
}

export function chip({ color }) {
  return html("span", { class: "simfp-chip", style: `background: ${color}`, "aria-hidden": "true" });
}

// ---- the ruler, and below it a lane for each format

export function rulerOf(table, scale) {
  const element = svg("svg", { class: "simfp-ruler", width: scale.width, height: 18, "aria-hidden": "true" });
  const every = 1 + Math.floor(44 / (scale.unit * (table.ticks[1][0] - table.ticks[0][0])));
  for (const [exponent, text] of visible(table.ticks, scale)) {
    const number = exponent / (table.ticks[1][0] - table.ticks[0][0]);
    if (number % every === 0) element.append(svg("text", { x: scale.at(exponent), y: 13, "text-anchor": anchor(scale.at(exponent), scale.width) }, text));
  }
  return element;
}

function anchor(x, width) {
  return x < 20 ? "start" : x > width - 20 ? "end" : "middle";
}

function visible(ticks, scale) {
  return ticks.filter(([exponent]) => scale.at(exponent) >= THUMB / 2 && scale.at(exponent) <= scale.width - THUMB / 2);
}

// The outline of the histogram, standing on 0, at k = 0.
export function silhouette({ first, width, heights }, scale) {
  const tallest = Math.max(...heights);
  const origin = scale.at(0);
  const steps = heights.map((height, bin) => {
    const left = origin + (first + bin * width) * scale.unit;
    const y = ((-TALL * height) / tallest).toFixed(2);
    return `L${left.toFixed(2)},${y}L${(left + width * scale.unit).toFixed(2)},${y}`;
  });
  const left = origin + first * scale.unit;
  const right = left + heights.length * width * scale.unit;
  return `M${left.toFixed(2)},0${steps.join("")}L${right.toFixed(2)},0Z`;
}

export function laneOf(lane, table, scale, path) {
  const above = path ? TALL + MARGIN : 16;
  const below = path ? TALL + MARGIN : 16;
  const base = above + FLOOR; // where what has fallen through begins
  const height = base + below;
  const [kept, normal, over] = lane.ends.map((exponent) => scale.at(exponent));
  const zones = { zeroed: [0, kept], subnormal: [kept, normal], normal: [normal, over], overflowed: [over, scale.width] };
  const hatch = uniqueId("hatch");
  const picture = svg("svg", { class: "simfp-lane", width: scale.width, height, role: "img", style: `--format: ${lane.color}` },
    svg("defs", {}, hatching(hatch, lane.color)));

  for (const [exponent] of visible(table.ticks, scale))
    picture.append(svg("line", { class: "simfp-grid", x1: scale.at(exponent), x2: scale.at(exponent), y1: 0, y2: height }));

  const bars = [];
  for (const [fate, [from, to]] of Object.entries(zones)) {
    const left = Math.max(from, 0);
    const width = Math.min(to, scale.width) - left;
    if (width <= 0) continue;
    const fallen = fate === "zeroed";
    const top = fallen ? above : 0;
    picture.append(svg("rect", { class: `simfp-zone simfp-${fate}`, x: left, width, y: top, height: fallen ? FLOOR + below : base }));
    const name = table.fates.find(([key]) => key === fate)[1];
    const spot = { zeroed: [left + width - 4, above - 5, "end"], normal: [left + 4, base + 12, "start"] };
    const [x, y, anchor] = spot[fate] ?? [left + width / 2, base + 12, "middle"];
    if (width > 8 * name.length) picture.append(svg("text", { class: "simfp-name", x, y, "text-anchor": anchor }, fallen ? `${name} ↓` : name));
    if (!path) continue;
    const clip = uniqueId("clip");
    const shape = svg("path", { class: `simfp-bars simfp-${fate}`, d: path, fill: fate === "subnormal" || fate === "overflowed" ? `url(#${hatch})` : null });
    picture.append(svg("clipPath", { id: clip }, svg("rect", { x: left, width, y: 0, height })), svg("g", { "clip-path": `url(#${clip})` }, shape));
    bars.push([shape, fallen ? `${base}) scale(1,-1)` : `${above})`]);
  }

  // the floor: as thick as the numbers there have bits
  const steps = [...lane.staircase, [lane.ends[2], 0]].map(([exponent, share]) => [Math.min(Math.max(scale.at(exponent), 0), scale.width), share]);
  const edge = steps.slice(0, -1).map(([x, share], i) => `L${x},${above + FLOOR * share}L${steps[i + 1][0]},${above + FLOOR * share}`);
  picture.append(svg("path", { class: "simfp-floor", d: `M${steps[0][0]},${above}${edge.join("")}L${steps.at(-1)[0]},${above}Z` }));

  const line = svg("line", { class: "simfp-marker", y1: 0, y2: height });
  const dot = svg("circle", { class: "simfp-dot", r: 5 });
  picture.append(line, dot);

  const numbers = table.fates.map(([fate, name, meaning]) => {
    const number = html("b");
    return { number, cell: html("span", { class: "simfp-share", "data-fate": fate, title: meaning }, swatch(fate, lane.color), `${name} `, number), name };
  });
  const head = html("div", { class: "simfp-lane-head" },
    html("span", { class: "simfp-lane-name" }, chip(lane), lane.label),
    ...(path ? numbers.map(({ cell }) => cell) : []),
    html("span", { class: "simfp-limits" }, lane.limits));

  function words() {
    return path ? `${lane.label} gradients: ${numbers.map(({ name, number }) => `${number.textContent} ${name}`).join(", ")}` : lane.limits;
  }
  function move(index, shift, at) {
    bars.forEach(([shape, stand]) => setAttribute(shape, "transform", `translate(${shift},${stand}`));
    numbers.forEach(({ number }, fate) => setText(number, lane.shares[index][fate]));
    const fate = lane.fates[index];
    line.style.display = dot.style.display = at === null ? "none" : "";
    if (at !== null) {
      setAttribute(line, "x1", at);
      setAttribute(line, "x2", at);
      setAttribute(dot, "cx", at);
      setAttribute(dot, "cy", fate === "zeroed" ? base + 7 : above - 5);
      dot.classList.toggle("simfp-lost", fate === "zeroed" || fate === "overflowed");
    }
    setAttribute(picture, "aria-label", `${words()}. ${lane.limits}`);
  }
  return { element: html("div", { class: "simfp-lane-box", "data-format": lane.label }, head, picture), move, words };
}

export function hatching(id, color) {
  return svg("pattern", { id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { width: 5, height: 5, fill: color, "fill-opacity": 0.18 }),
    svg("line", { x1: 1, x2: 1, y1: 0, y2: 5, stroke: color, "stroke-width": 2 }));
}

function swatch(fate, color) {
  return html("span", { class: `simfp-swatch simfp-${fate}`, style: `--format: ${color}`, "aria-hidden": "true" });
}
