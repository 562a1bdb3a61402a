// The front end of simfp.widgets.Underflow. It looks up texts and counts that simfp computed, and draws them;
// it neither rounds nor decodes. `build` makes what depends on the table, `move` what depends on k.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText, uniqueId } from "../parts/shared.js";
import { laneOf, rulerOf, silhouette, THUMB, valueRow, valueTable } from "../parts/lanes.js";

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-underflow", role: "group", "aria-label": "underflow slider" });
  keepKeys(root);
  el.append(root);

  const table = () => model.get("_table");
  const place = () => model.get("k") - table().shifts[0];
  const range = () => (model.get("close_up") && model.get("k") <= table().close[1] ? table().close : table().shifts);

  // ---- what is built once: the controls, so that none loses the focus
  const choices = table().choices;
  const value = dropDown(model, "significand", choices.significand);
  const data = dropDown(model, "data", choices.data);
  const subnormals = dropDown(model, "subnormals", choices.subnormals);
  const closeUp = html("input", { type: "checkbox", name: "close_up" });
  closeUp.addEventListener("change", () => send(model, "close_up", closeUp.checked));

  const number = html("input", { type: "text", inputmode: "numeric", size: 4, name: "k", autocomplete: "off" });
  const slider = html("input", { type: "range", step: 1, dir: "rtl", class: "simfp-slider", "aria-label": "k: everything is multiplied by 2 to the power minus k" });
  const factor = html("output", { class: "simfp-factor", for: (slider.id = uniqueId("slider")) });
  const message = html("p", { class: "simfp-message", role: "alert", id: uniqueId("message") });
  const voice = announcer();
  number.setAttribute("aria-describedby", message.id);

  slider.addEventListener("input", () => send(model, "k", Number(slider.value)));
  number.addEventListener("change", () => {
    const [least, most] = table().shifts;
    const typed = number.value.trim().replace("−", "-");
    const k = Number(typed);
    if (/^[-+]?\d+$/.test(typed) && k >= least && k <= most) {
      model.set("message", "");
      send(model, "k", k);
    } else {
      send(model, "message", `k must be a whole number from ${least} to ${most}, got '${number.value}'; kept ${model.get("k")}`);
    }
    number.value = model.get("k");
  });

  const valueBox = html("div", { class: "simfp-value" });
  const lanesBox = html("div", { class: "simfp-lanes" });
  const controls = {
    value: labelled("the value", value.select),
    data: labelled("gradients", data.select),
    subnormals: labelled("subnormals", subnormals.select),
    closeUp: labelled("close-up", closeUp),
  };
  root.append(
    html("div", { class: "simfp-controls" }, ...Object.values(controls)),
    valueBox,
    html("div", { class: "simfp-reading" }, labelled("k =", number), factor, message,
      html("span", { class: "simfp-hint", "aria-hidden": "true" }, "◂ halve · double ▸")),
    slider,
    lanesBox,
    voice.region,
  );

  // ---- what the table says: rows of bits, lanes
  let rows = [];
  let lanes = [];
  let ruler = null;
  let scale = null;

  function build() {
    const show = model.get("show");
    controls.value.hidden = show === "gradients";
    controls.data.hidden = show === "value";
    rows = show === "gradients" ? [] : table().rows.map(valueRow);
    valueBox.replaceChildren(...(rows.length ? [valueTable(rows)] : []));
    layOut();
  }

  function layOut() {
    const width = lanesBox.clientWidth || 640;
    const [least, most] = range();
    const unit = (width - THUMB) / (most - least);
    scale = { width, unit, at: (exponent) => THUMB / 2 + (exponent + most) * unit };
    setAttribute(slider, "min", least);
    setAttribute(slider, "max", most);
    const withBars = model.get("show") !== "value";
    const path = withBars ? silhouette(table().bars, scale) : null;
    ruler = rulerOf(table(), scale);
    lanes = table().lanes.map((lane) => laneOf(lane, table(), scale, path));
    const caption = withBars ? html("p", { class: "simfp-caption" }, `${table().gradients}. Bars: how many are how large, after the shift. Floor: as thick as the numbers there have bits; where it ends, they fall through and are zero.`) : "";
    lanesBox.replaceChildren(ruler, ...lanes.map((lane) => lane.element), caption);
    move();
  }

  // ---- what k says
  function move() {
    const [least, most] = range();
    if (Number(slider.min) !== least || Number(slider.max) !== most) return layOut();
    const k = model.get("k");
    const index = place();
    const show = model.get("show");
    closeUp.checked = model.get("close_up");
    slider.value = k;
    if (number !== number.getRootNode().activeElement || number.value.trim() === "") number.value = k;
    setText(factor, `everything × ${table().factors[index]}`);
    setAttribute(slider, "aria-valuetext", `k ${k}, times 2 to the power ${-k}`);

    const title = valueBox.querySelector(".simfp-exact");
    if (title) setText(title, table().values[index]);
    rows.forEach((row) => row.move(index));
    const at = show === "gradients" ? null : scale.at(table().value_at - k);
    lanes.forEach((lane) => lane.move(index, -k * scale.unit, at));
    voice.say([...rows, ...lanes].map((part) => part.words()).join(". "));
  }

  function say() {
    setText(message, model.get("message"));
    number.setAttribute("aria-invalid", model.get("message") !== "");
    number.value = model.get("k");
  }

  const size = new ResizeObserver(() => {
    if (lanesBox.clientWidth && lanesBox.clientWidth !== scale.width) layOut();
  });
  const stops = [
    value.stop,
    data.stop,
    subnormals.stop,
    voice.stop,
    () => size.disconnect(),
    follow(model, ["k"], move),
    follow(model, ["_table", "show"], build),
    follow(model, ["close_up"], layOut),
    follow(model, ["message"], say),
  ];
  build();
  say();
  size.observe(lanesBox);
  return () => stops.forEach((stop) => stop());
}

export default { render };
