// The front end of simfp.widgets.Overflow. It looks up texts and counts that simfp computed, and draws them;
// it neither rounds nor decodes. `build` makes what depends on the table, `move` what depends on k.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText, uniqueId } from "../parts/shared.js";
import { chip, laneOf, rulerOf, silhouette, THUMB, valueRow, valueTable } from "../parts/lanes.js";

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-overflow", role: "group", "aria-label": "overflow slider" });
  keepKeys(root);
  el.append(root);

  let all = null;
  const table = () => all;
  const read = () => (all = { ...model.get("_value"), ...model.get("_gradients"), ...model.get("_softmax") });
  read();
  const shows = (part) => ["all", part].includes(model.get("show"));

  // ---- what is built once: the controls, so that none loses the focus
  const choices = table().choices;
  const value = dropDown(model, "significand", choices.significand);
  const data = dropDown(model, "data", choices.data);
  const mask = dropDown(model, "mask", choices.mask);
  const subtract = html("input", { type: "checkbox", name: "subtract_max" });
  subtract.addEventListener("change", () => send(model, "subtract_max", subtract.checked));

  const number = html("input", { type: "text", inputmode: "numeric", size: 4, name: "k", autocomplete: "off" });
  const [least, most] = table().shifts;
  const slider = html("input", { type: "range", min: least, max: most, step: 1, class: "simfp-slider", "aria-label": "k: everything is multiplied by 2 to the power k" });
  const factor = html("output", { class: "simfp-factor", for: (slider.id = uniqueId("slider")) });
  const message = html("p", { class: "simfp-message", role: "alert", id: uniqueId("message") });
  const voice = announcer();
  number.setAttribute("aria-describedby", message.id);

  slider.addEventListener("input", () => send(model, "k", Number(slider.value)));
  number.addEventListener("change", () => {
    const k = Number(number.value);
    if (/^\s*\+?\d+\s*$/.test(number.value) && k >= least && k <= most) {
      model.set("message", "");
      send(model, "k", k);
    } else {
      send(model, "message", `k must be a whole number from ${least} to ${most}, got '${number.value}'; kept ${model.get("k")}`);
    }
    number.value = model.get("k");
  });

  const valueBox = html("div", { class: "simfp-value" });
  const lanesBox = html("div", { class: "simfp-lanes" });
  const softmaxBox = html("div", { class: "simfp-softmax" });
  const controls = {
    value: labelled("the value", value.select),
    histogram: labelled("gradients", data.select),
    softmax: html("div", { class: "simfp-controls" }, labelled("mask", mask.select), labelled("subtract the maximum", subtract)),
  };
  root.append(
    html("div", { class: "simfp-controls" }, ...Object.values(controls)),
    valueBox,
    html("div", { class: "simfp-reading" }, labelled("k =", number), factor, message,
      html("span", { class: "simfp-hint", "aria-hidden": "true" }, "◂ halve · double ▸")),
    slider,
    lanesBox,
    softmaxBox,
    voice.region,
  );

  // ---- what the table says
  let rows = [];
  let lanes = [];
  let softmaxes = [];
  let scale = null;

  function build() {
    read();
    for (const [part, control] of Object.entries(controls)) control.hidden = !shows(part);
    rows = shows("value") ? table().rows.map(valueRow) : [];
    valueBox.replaceChildren(...(rows.length ? [valueTable(rows)] : []));
    buildSoftmax();
    layOut();
  }
  function buildSoftmax() {
    softmaxes = shows("softmax") ? table().softmaxes.map((row) => softmaxRow(row, table().texts)) : [];
    softmaxBox.replaceChildren(...(softmaxes.length ? [softmaxTable(table(), softmaxes)] : []));
  }

  // The thumb stands above 2^k on a ruler that also has room for the gradients, which begin far below 1.
  function layOut() {
    const width = lanesBox.clientWidth || 640;
    const [first, last] = table().magnitudes;
    const unit = (width - THUMB) / (last - first);
    scale = { width, unit, at: (exponent) => THUMB / 2 + (exponent - first) * unit };
    const ruled = model.get("show") !== "softmax";
    slider.style.marginLeft = ruled ? `${scale.at(least) - THUMB / 2}px` : "0";
    slider.style.width = ruled ? `${(most - least) * unit + THUMB}px` : "100%";
    const path = shows("histogram") ? silhouette(table().bars, scale) : null;
    lanes = ruled ? table().lanes.map((lane) => laneOf(lane, table(), scale, path)) : [];
    const caption = path ? html("p", { class: "simfp-caption" }, `${table().gradients}. Bars: how many are how large, after the shift. Floor: as thick as the numbers there have bits; where it ends on the right, they are too large.`) : "";
    lanesBox.replaceChildren(ruled ? rulerOf(table(), scale) : "", ...lanes.map((lane) => lane.element), caption);
    move();
  }

  // ---- what k says
  function move() {
    const k = model.get("k");
    const index = k - least;
    subtract.checked = model.get("subtract_max");
    slider.value = k;
    if (number !== number.getRootNode().activeElement || number.value.trim() === "") number.value = k;
    setText(factor, `everything × ${table().factors[index]}`);
    setAttribute(slider, "aria-valuetext", `k ${k}, times 2 to the power ${k}`);

    const title = valueBox.querySelector(".simfp-exact");
    if (title) setText(title, table().values[index]);
    const question = softmaxBox.querySelector("caption");
    if (question) setText(question, table().questions[index]);
    const at = shows("value") ? scale.at(table().value_at + k) : null;
    rows.forEach((row) => row.move(index));
    lanes.forEach((lane) => lane.move(index, k * scale.unit, at));
    softmaxes.forEach((row) => row.move(index));
    voice.say([...rows, ...lanes, ...softmaxes].map((part) => part.words()).join(". "));
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
    mask.stop,
    voice.stop,
    () => size.disconnect(),
    follow(model, ["k", "subtract_max"], move),
    follow(model, ["_value", "_gradients", "show"], build),
    follow(model, ["_softmax"], () => {
      read();
      buildSoftmax();
      move();
    }),
    follow(model, ["message"], say),
  ];
  build();
  say();
  size.observe(lanesBox);
  return () => stops.forEach((stop) => stop());
}

// ---- the softmax: a row for each format, a column for each way to mask

function softmaxTable(table, rows) {
  const heads = ["format", ...table.softmaxes[0].cases.map(([name]) => name)];
  return html("table", { role: "table" },
    html("caption", {}),
    html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, ...heads.map((head) => html("th", { scope: "col", role: "columnheader" }, head)))),
    html("tbody", { role: "rowgroup" }, ...rows.map((row) => row.element)));
}

function softmaxRow(row, all) {
  const cells = row.cases.map(([name, texts]) => {
    const lines = ["weights", "terms", "born"].map((line) => html("div", { class: `simfp-${line}` }));
    const cell = html("td", { role: "cell", "data-case": name }, ...lines);
    return { name, lines, cell, move: (index) => lines.forEach((line, i) => setText(line, all[texts[i][index]])) };
  });
  const element = html("tr", { role: "row", "data-format": row.label },
    html("th", { scope: "row", role: "rowheader" }, chip(row), row.label), ...cells.map(({ cell }) => cell));
  return {
    element,
    move: (index) => cells.forEach((cell) => cell.move(index)),
    words: () => `${row.label} softmax: ${cells.map(({ name, lines }) => `${name}, ${lines[0].textContent}, ${lines[2].textContent}`).join("; ")}`,
  };
}

export default { render };
