// The front end of simfp.widgets.Dashboard: draws points, counts and finished texts that simfp sends.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText, svg } from "../parts/shared.js";

const BUTTONS = [
  ["run", "▶ Run", "begin, or go on"],
  ["pause", "❚❚ Pause", "stand still; Run goes on from there"],
  ["step", "▶❚ Step", "one step of each run"],
  ["stop", "■ Stop", "end it; Run goes on from there"],
  ["again", "↺ Start over", "back to the first step"],
];
const DASHES = ["", "7 4"];
const EDGE = { left: 46, right: 8, top: 8, bottom: 20 };

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-dashboard", role: "group", "aria-label": "training dashboard" });
  keepKeys(root);
  el.append(root);
  const fixed = () => model.get("_fixed");
  const live = () => model.get("_live");

  // ---- controls
  const press = (name) => send(model, "_pressed", [(model.get("_pressed")[0] ?? 0) + 1, name]);
  const buttons = BUTTONS.map(([name, text, title]) => {
    const button = html("button", { type: "button", class: "simfp-button", name, title }, text);
    button.addEventListener("click", () => press(name));
    return button;
  });
  const task = dropDown(model, "task", fixed().choices.task);
  const recipes = model.get("recipes").map((_, place) => recipeChoice(place));
  const rate = slider("rate", fixed().rates, "learning rate");
  const scale = slider("scale", fixed().scales, "loss scale, a power of two");
  const message = html("p", { class: "simfp-message", role: "alert" });
  const warnings = html("div", { class: "simfp-warnings" });
  const said = html("span", { class: "simfp-said" });
  const progress = html("progress", { class: "simfp-progress", "aria-label": "steps done" });
  const voice = announcer();

  function recipeChoice(place) {
    const select = html("select", { name: `recipe ${place + 1}` },
      ...fixed().choices.recipe.map(([value, text]) => html("option", { value }, text)));
    select.addEventListener("change", () => {
      send(model, "recipes", model.get("recipes").map((name, other) => (other === place ? select.value : name)));
      showRecipes();
    });
    return select;
  }

  function slider(name, [min, max], words) {
    const input = html("input", { type: "range", min, max, step: 1, class: "simfp-slider", name, "aria-label": words });
    const reading = html("output", { class: "simfp-set" });
    input.addEventListener("input", () => send(model, name, Number(input.value)));
    return { input, reading, box: html("div", { class: "simfp-knob" }, reading, input) };
  }

  function showRecipes() {
    recipes.forEach((select, place) => (select.value = model.get("recipes")[place]));
  }

  const losses = chart("loss");
  const lost = chart("became zero, % of each step's backward pass");
  const panels = html("div", { class: "simfp-panels" });
  root.append(
    html("div", { class: "simfp-controls" }, labelled("task", task.select),
      ...recipes.map((select, place) => labelled(recipes.length > 1 ? `recipe ${place + 1}` : "recipe", select))),
    html("div", { class: "simfp-knobs" }, rate.box, scale.box),
    html("div", { class: "simfp-buttons", role: "toolbar", "aria-label": "training" }, ...buttons, progress, said),
    message, warnings,
    html("div", { class: "simfp-charts" }, losses.element, lost.element),
    panels, voice.region,
  );

  // ---- curves
  function chart(title) {
    const plot = svg("svg", { role: "img", "aria-label": title, height: 150, class: "simfp-plot" });
    const element = html("figure", {}, html("figcaption", {}, title), plot);
    return { element, draw: (curves, log) => drawCurves(plot, curves, log) };
  }

  function drawCurves(plot, curves, log) {
    const width = plot.clientWidth || 420;
    const height = 150;
    const points = curves.flat();
    const last = Math.max(10, ...points.map(([step]) => step));
    const height_of = log ? (y) => Math.log10(y) : (y) => y;
    const values = points.map(([, y]) => y).filter((y) => !log || y > 0).map(height_of);
    let low = values.length ? Math.min(...values) : log ? -1 : 0;
    let high = values.length ? Math.max(...values) : 1;
    if (!log) [low, high] = [0, Math.max(high, 0.01)];
    if (high - low < 0.3 && log) [low, high] = [low - 0.15, high + 0.15];
    const x = (step) => EDGE.left + ((width - EDGE.left - EDGE.right) * step) / last;
    const y = (value) => EDGE.top + (height - EDGE.top - EDGE.bottom) * (1 - (height_of(value) - low) / (high - low));
    const marks = log ? logMarks(low, high) : evenMarks(high);
    setAttribute(plot, "viewBox", `0 0 ${width} ${height}`);
    plot.replaceChildren(
      ...marks.flatMap((mark) => [
        svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(mark), y2: y(mark), class: "simfp-grid" }),
        svg("text", { x: EDGE.left - 5, y: y(mark) + 4, "text-anchor": "end" }, short(mark)),
      ]),
      svg("text", { x: EDGE.left, y: height - 5 }, "0"),
      svg("text", { x: width - EDGE.right, y: height - 5, "text-anchor": "end" }, `step ${last}`),
      ...curves.map((curve, place) => svg("polyline", {
        points: curve.filter(([, value]) => !log || value > 0).map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" "),
        stroke: fixed().runs[place]?.color ?? "currentColor", "stroke-dasharray": DASHES[place], class: "simfp-curve",
      })),
    );
  }

  // ---- a run's panel: readings, what went wrong, layers, magnitudes
  function panel(run, look, place) {
    const name = html("h4", {}, html("span", { class: "simfp-key", style: `border-top: 3px ${place ? "dashed" : "solid"} ${look.color}` }), `${look.name}: ${run.status}`);
    const read = html("div", { class: "simfp-readings" }, ...run.readings.map(([what, value]) => html("div", {}, html("span", {}, what), html("b", {}, value))));
    const story = run.story.map((sentence) => html("p", { class: "simfp-story" }, sentence));
    const most = Math.max(0.001, ...run.layers.map(([, zeroed]) => zeroed));
    const rows = run.layers.map(([label, zeroed, , lostText, subnormalText]) => html("tr", {},
      html("th", { scope: "row" }, label),
      html("td", { class: "simfp-bar" }, html("span", { style: `width:${(100 * zeroed) / most}%; background:${look.color}` })),
      html("td", {}, lostText), html("td", {}, subnormalText)));
    const table = html("table", { class: "simfp-layers" },
      html("caption", {}, "Backward pass, last 10 steps, by layer"),
      html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "layer"), html("th", {}), html("th", { scope: "col" }, "became zero"), html("th", { scope: "col" }, "subnormal"))),
      html("tbody", {}, ...rows));
    return html("section", { class: "simfp-run", "aria-label": look.name }, name, read, ...story, run.layers.length ? table : "", bars(run, look));
  }

  function bars(run, look) {
    const width = Math.max(260, Math.floor((panels.clientWidth || 700) / fixed().runs.length) - 30);
    const height = 130;
    const [first, last] = fixed().span;
    const unit = (width - 8) / (last - first + 1);
    const x = (place) => 4 + (place - first) * unit;
    const most = Math.max(1, ...run.bars);
    const at = (place) => look.zones.find(([, , begin, end]) => place >= begin - 0.01 && place < end - 0.01)?.[0] ?? "normal";
    const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, class: "simfp-plot", role: "img", "aria-label": `magnitudes of ${look.name}'s backward pass before rounding` });
    const floor = height - 34;
    plot.append(
      ...look.zones.flatMap(([zone, label, begin, end]) => [
        svg("rect", { x: x(begin), width: (end - begin) * unit, y: 0, height: floor + 1, class: `simfp-zone simfp-${zone}` }),
        (end - begin) * unit > 56 ? svg("text", { x: (x(begin) + x(end)) / 2, y: 11, "text-anchor": "middle" }, label) : "",
      ]).filter(Boolean),
      ...run.bars.map((count, place) => svg("rect", {
        x: x(first + place) + 0.5, width: Math.max(unit - 1, 1), y: floor - ((floor - 16) * count) / most,
        height: ((floor - 16) * count) / most, fill: look.color, class: `simfp-count simfp-count-${at(first + place)}`,
      })),
      ...fixed().ticks.map(([place, text]) => svg("text", { x: x(place), y: floor + 13, "text-anchor": "middle" }, text)),
      svg("text", { x: 4, y: height - 4, class: "simfp-axis" }, "magnitude before rounding (the ends hold all beyond)"),
    );
    return plot;
  }

  // ---- what changes
  function once() {
    const { rates, scales, warnings: told } = fixed();
    for (const [knob, name, text] of [[rate, "rate", fixed().rate], [scale, "scale", fixed().scale]]) {
      knob.input.value = model.get(name);
      setText(knob.reading, text);
      setAttribute(knob.input, "aria-valuetext", text);
    }
    setAttribute(rate.input, "max", rates[1]);
    setAttribute(scale.input, "max", scales[1]);
    warnings.replaceChildren(...told.map((text) => html("p", { class: "simfp-note" }, text)));
    showRecipes();
    move();
  }

  function move() {
    const now = live();
    if (!now.runs || now.runs.length !== fixed().runs.length) return;
    progress.max = now.most;
    progress.value = now.done;
    setText(said, now.said);
    root.dataset.state = now.state;
    losses.draw(now.runs.map((run) => run.losses), true);
    lost.draw(now.runs.map((run) => run.lost), false);
    panels.replaceChildren(...now.runs.map((run, place) => panel(run, fixed().runs[place], place)));
    voice.say(`${now.said}. ${now.words}`);
  }

  function say() {
    setText(message, model.get("message"));
  }

  const size = new ResizeObserver(() => move());
  const stops = [
    task.stop, voice.stop, () => size.disconnect(),
    follow(model, ["_fixed"], once),
    follow(model, ["_live"], move),
    follow(model, ["recipes"], showRecipes),
    follow(model, ["message"], say),
  ];
  once();
  say();
  size.observe(panels);
  return () => stops.forEach((stop) => stop());
}

function evenMarks(high) {
  const step = 10 ** Math.floor(Math.log10(high));
  const wide = high / step < 2 ? step / 2 : high / step < 5 ? step : 2 * step;
  return Array.from({ length: Math.floor(high / wide) + 1 }, (_, place) => place * wide);
}

function logMarks(low, high) {
  const marks = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
    for (const digit of [1, 2, 5]) {
      const mark = digit * 10 ** power;
      if (Math.log10(mark) >= low && Math.log10(mark) <= high) marks.push(mark);
    }
  }
  return marks.length > 6 ? marks.filter((mark) => Number.isInteger(Math.round(1e6 * Math.log10(mark)) / 1e6)) : marks;
}

const short = (x) => (x === 0 ? "0" : String(Number(x.toPrecision(3))));

export default { render };
