// The front end of simfp.widgets.AutocastTrace. It sets steps that simfp ran in rows: the forward pass downward, the
// backward pass upward beside it. It decides nothing.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText, uniqueId } from "../parts/shared.js";

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-autocast", role: "group", "aria-label": "operations under autocast" });
  keepKeys(root);
  el.append(root);
  const table = () => model.get("_table");
  const count = () => table().stops.length;
  const chosen = () => Math.min(model.get("step"), count() - 1);
  const choose = (step) => send(model, "step", Math.max(0, Math.min(step, count() - 1)));

  // ---- controls
  const block = dropDown(model, "block", table().choices.block);
  const dtype = dropDown(model, "dtype", table().choices.dtype);
  const switches = ["enabled", "cache_enabled"].map((name) => {
    const box = html("input", { type: "checkbox", name });
    box.addEventListener("change", () => send(model, name, box.checked));
    return { name, box, show: () => (box.checked = model.get(name)) };
  });
  const slider = html("input", { type: "range", class: "simfp-slider", name: "step", min: 0, step: 1, "aria-label": "step of the two passes" });
  slider.id = uniqueId("step");
  slider.addEventListener("input", () => choose(Number(slider.value)));
  const reading = html("output", { class: "simfp-set", for: slider.id });
  const button = (text, name, by) => {
    const made = html("button", { type: "button", "aria-label": name }, text);
    made.addEventListener("click", () => choose(chosen() + by));
    return made;
  };
  const message = html("p", { class: "simfp-message", role: "alert" });
  const voice = announcer();
  const counts = html("p", { class: "simfp-counts" });
  const body = html("tbody", {});
  const detail = html("div", { class: "simfp-detail" });
  const legend = html("p", { class: "simfp-caption" });
  const heads = ["", "layer", "operation", "runs in", "rule", "casts", "↑ backward"];
  const steps = html("div", { class: "simfp-steps-box" }, html("table", { class: "simfp-steps" },
    html("thead", {}, html("tr", {}, ...heads.map((head) => html("th", { scope: "col" }, head)))), body));
  root.append(
    html("div", { class: "simfp-controls" }, labelled("network", block.select), labelled("dtype", dtype.select),
      ...switches.map(({ name, box }) => labelled(name, box)), message),
    html("div", { class: "simfp-stepper" }, button("◂", "step back", -1), slider, button("▸", "step on", 1), reading),
    detail,
    steps,
    counts, legend, voice.region);

  // ---- what the table says
  let boxes = [];
  function chip(number, small) {
    const { fmt, title } = table().stops[number];
    const { label, color } = table().looks[fmt];
    const made = html("button", { type: "button", class: `simfp-fmt${small ? " simfp-small" : ""}`, style: `--format: ${color}`, tabindex: -1, "aria-label": `${title}, ${label}`, "data-stop": number }, small ? `→${label}` : label);
    made.addEventListener("click", () => choose(number));
    boxes[number] = made;
    return made;
  }

  function build() {
    const now = table();
    boxes = [];
    const back = now.rows.map(() => []);
    now.stops.forEach((stop, number) => stop.place >= 0 && back[stop.row].push(chip(number, stop.cast)));
    body.replaceChildren(...now.rows.map((row, number) => {
      const casts = row.casts.map(([how, text]) => html("span", { class: `simfp-cast simfp-${how}` }, text));
      const line = html("tr", { "data-row": number },
        html("th", { scope: "row" }, String(number)), html("td", { class: "simfp-layer" }, row.layer),
        html("td", { class: "simfp-operation" }, row.operation), html("td", {}, chip(number, false)), html("td", { class: "simfp-rule" }, row.rule),
        html("td", { class: "simfp-casts" }, ...casts), html("td", { class: "simfp-back" }, ...back[number]));
      line.addEventListener("click", (event) => event.target.closest("button") || choose(number));
      return line;
    }));
    setText(counts, now.reading);
    setText(legend, now.legend);
    switches.forEach((one) => one.show());
    slider.max = count() - 1;
    move();
  }

  // Scrolls the box of steps, and never the page, until the row is seen.
  function inView(line) {
    const [box, row] = [steps.getBoundingClientRect(), line.getBoundingClientRect()];
    if (row.top < box.top + row.height) steps.scrollTop -= box.top + row.height - row.top;
    else if (row.bottom > box.bottom) steps.scrollTop += row.bottom - box.bottom;
  }

  function move() {
    const step = chosen();
    const stop = table().stops[step];
    slider.value = step;
    setText(reading, `step ${step + 1} of ${count()}`);
    setAttribute(slider, "aria-valuetext", `step ${step + 1} of ${count()}: ${stop.title}`);
    boxes.forEach((box, number) => box.classList.toggle("simfp-chosen", number === step));
    for (const line of body.children) line.classList.toggle("simfp-here", Number(line.dataset.row) === stop.row);
    inView(body.children[stop.row]);
    const { label, color } = table().looks[stop.fmt];
    detail.replaceChildren(
      html("p", { class: "simfp-title" }, html("span", { class: "simfp-fmt", style: `--format: ${color}` }, label), stop.title),
      html("ul", {}, ...stop.lines.map((line) => html("li", {}, line))), html("p", { class: "simfp-why" }, stop.why));
    voice.say(`${stop.title}. ${stop.lines.join(". ")}. ${stop.why}`);
  }

  const say = () => setText(message, model.get("message"));
  const stops = [block.stop, dtype.stop, voice.stop, follow(model, ["_table"], build), follow(model, ["step"], move), follow(model, ["message"], say)];
  build();
  say();
  return () => stops.forEach((stop) => stop());
}

export default { render };
