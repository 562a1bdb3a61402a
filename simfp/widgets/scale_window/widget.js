// The front end of simfp.widgets.ScaleWindow. It draws counts and sets texts that simfp made for every scale.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText, svg, uniqueId } from "../parts/shared.js";
import { chip, hatching, THUMB } from "../parts/lanes.js";

const HIGH = 20; // of a layer's row
const BAR = 12; // of a window's bar

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-scales", role: "group", "aria-label": "loss scale slider" });
  keepKeys(root);
  el.append(root);
  const table = () => model.get("_table");
  const moment = () => table().moments.find(({ step }) => step === model.get("step")) ?? table().moments[0];

  // ---- what is built once
  const [least, most] = table().scales;
  const network = dropDown(model, "network", table().networks);
  const stop = html("button", { type: "button", name: "stop" }, "stop");
  stop.addEventListener("click", () => model.send("stop"));
  const bar = html("progress", { max: 1, "aria-label": "how far the training is" });
  const words = html("span");
  const work = html("div", { class: "simfp-work" }, bar, words, stop);
  const number = html("input", { type: "text", inputmode: "numeric", size: 4, name: "k", autocomplete: "off" });
  const slider = html("input", { type: "range", min: least, max: most, step: 1, class: "simfp-slider", "aria-label": "k: the loss is multiplied by 2 to the power k" });
  const factor = html("output", { class: "simfp-factor", for: (slider.id = uniqueId("slider")) });
  const message = html("p", { class: "simfp-message", role: "alert", id: uniqueId("message") });
  const reading = html("p", { class: "simfp-verdict" });
  const voice = announcer();
  number.setAttribute("aria-describedby", message.id);
  slider.addEventListener("input", () => send(model, "k", Number(slider.value)));
  number.addEventListener("change", () => {
    const k = Number(number.value);
    if (/^\s*[-+]?\d+\s*$/.test(number.value) && k >= least && k <= most) {
      model.set("message", "");
      send(model, "k", k);
    } else {
      send(model, "message", `k must be a whole number from ${least} to ${most}, got '${number.value}'; kept ${model.get("k")}`);
    }
    number.value = model.get("k");
  });
  const legend = html("p", { class: "simfp-key" }, chip(table()), "gradients in fp16: ", ...table().fates.map(([fate, name, meaning]) =>
    html("span", { title: meaning }, html("i", { class: `simfp-fate simfp-${fate}`, "aria-hidden": "true" }), name)));
  const grid = html("div", { class: "simfp-scale-grid" });
  root.style.setProperty("--format", table().color);
  root.append(
    html("div", { class: "simfp-controls" }, labelled("network", network.select), work),
    html("div", { class: "simfp-reading" }, labelled("k =", number), factor, message,
      html("span", { class: "simfp-hint", "aria-hidden": "true" }, "◂ halve · double ▸")),
    reading, grid, legend, voice.region,
  );

  // ---- what the table says
  let rows = [];
  let scale = null;
  const ruler = svg("svg", { class: "simfp-ruler", height: 16, "aria-hidden": "true" });
  function build() {
    const middle = html("div", { class: "simfp-middle" }, slider);
    const layers = moment().layers.map((layer) => row(layer.name, "simfp-layer"));
    const moments = table().moments.map((each) => {
      const button = html("button", { type: "button", "data-step": each.step }, each.name);
      button.addEventListener("click", () => send(model, "step", each.step));
      return row(button, "simfp-moment");
    });
    grid.replaceChildren(
      html("span"), middle, html("span"),
      html("span"), ruler, html("span"),
      ...layers.flatMap(({ cells }) => cells),
      html("p", { class: "simfp-caption" }, "which scales lose at most 0.1 % and overflow nothing:"),
      ...moments.flatMap(({ cells }) => cells),
    );
    rows = { layers, moments };
    layOut();
  }
  function row(name, kind) {
    const picture = svg("svg", { class: "simfp-strip", role: "img", height: kind === "simfp-layer" ? HIGH : BAR + 6 });
    const told = html("span", { class: "simfp-told" });
    return { picture, told, cells: [html("span", { class: `simfp-row-name ${kind}` }, name), picture, told] };
  }
  function layOut() {
    const width = slider.parentElement.clientWidth || 500;
    const unit = (width - THUMB) / (most - least);
    scale = { width, unit, at: (k) => THUMB / 2 + (k - least) * unit };
    setAttribute(ruler, "width", width);
    ruler.replaceChildren(...table().ticks.map(([k, text]) => svg("text", { x: scale.at(k), y: 12, "text-anchor": "middle" }, text)));
    rows.layers.forEach(({ picture }, i) => drawLayer(picture, moment().layers[i]));
    rows.moments.forEach(({ picture }, i) => drawWindow(picture, table().moments[i]));
    move();
  }
  function drawLayer(picture, layer) {
    const [slant, cross] = [uniqueId("slant"), uniqueId("cross")];
    const pieces = { same: "", changed: "", lost: "", overflowed: "" };
    layer.counts.forEach((counts, place) => {
      const whole = counts.reduce((a, b) => a + b, 0);
      let base = HIGH;
      counts.forEach((count, i) => {
        const high = (HIGH * count) / whole;
        base -= high;
        if (count) pieces[table().fates[i][0]] += rectangle(scale.at(least + place) - scale.unit / 2, base, scale.unit, Math.max(high, 0.75));
      });
    });
    const fills = { same: table().color, changed: `url(#${slant})`, lost: null, overflowed: `url(#${cross})` };
    picture.replaceChildren(
      svg("defs", {}, hatching(slant, table().color), crossing(cross)),
      ...Object.entries(pieces).map(([fate, d]) => svg("path", { class: `simfp-piece simfp-${fate}`, d, fill: fills[fate] })),
      ...marker(HIGH));
    setAttribute(picture, "width", scale.width);
  }
  function drawWindow(picture, each) {
    const fits = each.layers[0].fits;
    const [first, last] = fits ?? [0, 0];
    picture.replaceChildren(
      svg("line", { class: "simfp-track", x1: 0, x2: scale.width, y1: BAR / 2 + 3, y2: BAR / 2 + 3 }),
      fits ? svg("rect", { class: "simfp-window", x: scale.at(first) - scale.unit / 2, width: (last - first + 1) * scale.unit, y: 3, height: BAR, rx: 3 }) : "",
      ...marker(BAR + 6));
    setAttribute(picture, "width", scale.width);
    setAttribute(picture, "aria-label", `${each.name}: ${each.window}`);
  }

  // ---- what k and the moment say
  function move() {
    const k = model.get("k");
    const index = k - least;
    const now = moment();
    slider.value = k;
    if (number !== number.getRootNode().activeElement || number.value.trim() === "") number.value = k;
    setText(factor, `the loss × ${table().factors[index]}`);
    setAttribute(slider, "aria-valuetext", `k ${k}, ${now.readings[index]}`);
    setText(reading, `${now.name}: ${now.readings[index]}`);
    const names = table().fates.map(([, name]) => name);
    rows.layers.forEach(({ picture, told }, i) => {
      const texts = now.layers[i].texts[index];
      setText(told, `lost ${texts[2]},\noverflow ${texts[3]}`);
      setAttribute(picture, "aria-label", `${now.layers[i].name}: ${names.map((name, fate) => `${name} ${texts[fate]}`).join(", ")}`);
    });
    rows.moments.forEach(({ told, cells }, i) => {
      setText(told, table().moments[i].window);
      const chosen = table().moments[i] === now;
      cells[1].classList.toggle("simfp-chosen", chosen);
      setAttribute(cells[0].firstChild, "aria-pressed", chosen);
    });
    grid.querySelectorAll(".simfp-marker, .simfp-halo").forEach((line) => {
      setAttribute(line, "x1", scale.at(k));
      setAttribute(line, "x2", scale.at(k));
    });
    voice.say(reading.textContent);
  }
  function toil() {
    const { words: told, share, working } = model.get("_work");
    work.hidden = !working;
    bar.value = share ?? 0;
    setText(words, told ?? "");
  }
  function say() {
    setText(message, model.get("message"));
    number.setAttribute("aria-invalid", model.get("message") !== "");
    number.value = model.get("k");
  }

  const size = new ResizeObserver(() => {
    if (slider.parentElement.clientWidth && slider.parentElement.clientWidth !== scale.width) layOut();
  });
  const stops = [
    network.stop, voice.stop, () => size.disconnect(),
    follow(model, ["k"], move), follow(model, ["step"], layOut), follow(model, ["_table"], build),
    follow(model, ["_work"], toil), follow(model, ["message"], say),
  ];
  build();
  toil();
  say();
  size.observe(grid);
  return () => stops.forEach((end) => end());
}

function marker(height) {
  return ["simfp-halo", "simfp-marker"].map((kind) => svg("line", { class: kind, y1: -1, y2: height + 1 }));
}

function rectangle(x, y, width, height) {
  return `M${x.toFixed(1)},${y.toFixed(2)}h${(width - 0.6).toFixed(2)}v${height.toFixed(2)}h${(-width + 0.6).toFixed(2)}z`;
}

function crossing(id) {
  return svg("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
    svg("path", { d: "M0,0L6,6M6,0L0,6", class: "simfp-cross" }));
}

export default { render };
