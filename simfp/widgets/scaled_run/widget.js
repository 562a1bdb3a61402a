// The front end of simfp.widgets.LossScaleRun: curves that come as heights from 0 to 1, texts that come finished.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText, svg, uniqueId } from "../parts/shared.js";

const LEFT = 56; // for the texts of the ticks
const HIGH = 96; // of a panel
const TOP = 8;
const FIELDS = { growth_factor: "growth factor", backoff_factor: "backoff factor", growth_interval: "growth interval", lr: "learning rate" };

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-scaled-run", role: "group", "aria-label": "training under a loss scale" });
  keepKeys(root);
  el.append(root);
  const fixed = model.get("_fixed");
  root.style.setProperty("--format", fixed.color);

  // ---- controls
  const buttons = fixed.buttons.map((name) => {
    const button = html("button", { type: "button", name }, name);
    button.addEventListener("click", () => model.send(name));
    return button;
  });
  const network = dropDown(model, "network", fixed.networks);
  const [least, most] = fixed.exponents;
  const slider = html("input", { type: "range", min: least, max: most, step: 1, class: "simfp-slider", "aria-label": "k: sets the loss scale to 2 to the power k" });
  slider.addEventListener("input", () => send(model, "k", Number(slider.value)));
  const factor = html("output", { class: "simfp-factor", for: (slider.id = uniqueId("slider")) });
  const byHand = html("input", { type: "checkbox", name: "by_hand" });
  byHand.addEventListener("change", () => send(model, "by_hand", byHand.checked));
  const message = html("p", { class: "simfp-message", role: "alert", id: uniqueId("message") });
  const fields = Object.entries(FIELDS).map(([name, text]) => {
    const field = html("input", { type: "text", inputmode: "decimal", size: 6, name, autocomplete: "off", "aria-describedby": message.id });
    field.addEventListener("change", () => {
      const value = Number(field.value);
      if (field.value.trim() === "" || Number.isNaN(value)) {
        send(model, "message", `${text} must be a number, got '${field.value}'; kept ${model.get(name)}`);
      } else {
        model.set("message", "");
        send(model, name, value);
      }
      field.value = model.get(name);
    });
    return { name, field, element: labelled(text, field) };
  });
  const scaler = html("div", { class: "simfp-controls" }, ...fields.map(({ element }) => element));

  const state = html("span", { class: "simfp-state", role: "status" });
  const told = html("dl", { class: "simfp-readings" });
  const story = html("p", { class: "simfp-verdict" });
  const picture = svg("svg", { class: "simfp-curves", role: "img" });
  const frame = html("div", {}, picture);
  const voice = announcer();
  root.append(
    html("div", { class: "simfp-controls" }, labelled("network", network.select), html("div", { class: "simfp-buttons" }, ...buttons), state),
    html("div", { class: "simfp-reading" }, factor, labelled("hold it there: no GradScaler", byHand), html("span", { class: "simfp-hint", "aria-hidden": "true" }, "◂ halve · double ▸")),
    slider, scaler, message, told, frame,
    html("p", { class: "simfp-key" }, html("span", {}, "× a step that was skipped, for an infinite or NaN gradient"), html("span", {}, "lost: zero in fp16 and not in tf32, of the weights' gradients")),
    story, voice.region,
  );

  // ---- what came
  function draw() {
    const run = model.get("_run");
    const width = frame.clientWidth || 640;
    const across = (step) => LEFT + ((width - LEFT - 8) * step) / Math.max(run.steps - 1, 1);
    const parts = [];
    run.panels.forEach((panel, place) => {
      const foot = TOP + place * (HIGH + 30) + 14 + HIGH;
      const up = (part) => foot - HIGH * part;
      parts.push(svg("text", { class: "simfp-panel-name", x: LEFT, y: foot - HIGH - 4 }, panel.name));
      let before = Infinity;
      for (const [at, text] of panel.ticks) {
        parts.push(svg("line", { class: "simfp-grid", x1: LEFT, x2: width - 8, y1: up(at), y2: up(at) }));
        if (Math.abs(before - up(at)) >= 11) {
          parts.push(svg("text", { class: "simfp-tick", x: LEFT - 6, y: up(at) + 4, "text-anchor": "end" }, text));
          before = up(at);
        }
      }
      parts.push(svg("path", { class: "simfp-curve", d: line(panel.heights, across, up) }));
      if (place === 0) parts.push(svg("path", { class: "simfp-skips", d: run.skipped.map((step) => `M${(across(step) - 3.5).toFixed(1)},${foot - 8}l7,7m0,-7l-7,7`).join("") }));
    });
    const height = TOP + 3 * (HIGH + 30) + 12;
    for (let part = 0; part <= 4; part += 1) {
      const step = Math.round((run.steps * part) / 4);
      parts.push(svg("text", { class: "simfp-tick", x: across(Math.min(step, run.steps - 1)), y: height - 6, "text-anchor": part === 4 ? "end" : "middle" }, part ? step : "step 0"));
    }
    picture.replaceChildren(...parts);
    setAttribute(picture, "width", width);
    setAttribute(picture, "height", height);
    const words = run.reading.map(([name, value]) => `${name} ${value}`).join(", ") || "not begun";
    setAttribute(picture, "aria-label", `loss scale, loss and share of gradients lost, step by step. ${words}`);
    told.replaceChildren(...run.reading.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", { "data-name": name }, value))));
    setText(state, run.state);
    setText(story, run.story);
    buttons.forEach((button) => (button.disabled = !run.can.includes(button.name)));
    if (run.state !== "running") voice.say(`${run.state}. ${words}. ${run.story}`);
  }
  function move() {
    const k = model.get("k");
    slider.value = k;
    byHand.checked = model.get("by_hand");
    setText(factor, `${model.get("by_hand") ? "scale held at" : "set the scale to"} ${fixed.factors[k - least]}`);
    setAttribute(slider, "aria-valuetext", `k ${k}, ${fixed.factors[k - least]}`);
    for (const { name, field } of fields) {
      if (field !== field.getRootNode().activeElement) field.value = model.get(name);
      if (name !== "lr") field.disabled = model.get("by_hand");
    }
  }
  function say() {
    setText(message, model.get("message"));
    fields.forEach(({ field, name }) => (field.value = model.get(name)));
  }

  let width = 0;
  const size = new ResizeObserver(() => {
    if (frame.clientWidth && frame.clientWidth !== width) draw();
    width = frame.clientWidth;
  });
  const stops = [
    network.stop, voice.stop, () => size.disconnect(),
    follow(model, ["_run"], draw), follow(model, ["k", "by_hand", ...Object.keys(FIELDS)], move), follow(model, ["message"], say),
  ];
  draw();
  move();
  say();
  size.observe(frame);
  return () => stops.forEach((end) => end());
}

// A curve through the heights that there are; gaps where there are none.
function line(heights, across, up) {
  let pen = "M";
  return heights.map((height, step) => {
    if (height === null) {
      pen = "M";
      return "";
    }
    const piece = `${pen}${across(step).toFixed(1)},${up(height).toFixed(1)}`;
    pen = "L";
    return piece;
  }).join("");
}

export default { render };
