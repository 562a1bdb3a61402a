// The front end of simfp.widgets.MemoryCalculator. It looks up shares and texts that simfp computed, and draws them;
// it adds nothing up.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText } from "../parts/shared.js";
import { slider } from "../parts/sliders.js";

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-memory", role: "group", "aria-label": "memory calculator" });
  keepKeys(root);
  el.append(root);
  const table = () => model.get("_table");
  const { choices, items } = table();
  const labels = Object.fromEntries(choices.recipe);

  // ---- the controls
  const menus = ["model", "recipe", "attention"].map((name) => [name, dropDown(model, name, choices[name])]);
  const checkpoints = html("input", { type: "checkbox", name: "checkpointing" });
  checkpoints.addEventListener("change", () => send(model, "checkpointing", checkpoints.checked));
  const batch = slider(model, "batch", "batch: sequences", table().batches, (value) => [`batch ${value}`, `${value} sequences`]);
  const context = slider(model, "context", "context: tokens of a sequence", table().contexts, (value) => [`context ${value}`, `${value} tokens`]);
  const message = html("p", { class: "simfp-message", role: "alert" });
  const voice = announcer();

  // ---- the bars, one for each recipe, and the parts of the chosen one
  const swatch = (index) => html("span", { class: `simfp-part simfp-part-${index}`, style: `--part: ${items[index][1]}` });
  const rows = choices.recipe.map(([name, label]) => {
    const parts = items.map((_, index) => swatch(index));
    const reading = html("span", { class: "simfp-peak" });
    const title = html("span", { class: "simfp-recipe" });
    const element = html("div", { class: "simfp-bar-row", "data-recipe": name }, title,
      html("div", { class: "simfp-bar", "aria-hidden": "true" }, ...parts), reading);
    element.addEventListener("click", () => send(model, "recipe", name));
    return { name, label, parts, reading, title, element };
  });
  const caption = html("caption", {});
  const lines = items.map(([label], index) => {
    const cells = ["", "", ""].map(() => html("td", { role: "cell" }));
    const head = html("th", { scope: "row", role: "rowheader" }, swatch(index), label);
    return { cells, element: html("tr", { role: "row", "data-item": label }, head, ...cells) };
  });
  const heads = ["held at the peak", "size", "of this peak", "of the same in fp32"];
  const parts = html("table", { role: "table", class: "simfp-parts" }, caption,
    html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, ...heads.map((head) => html("th", { scope: "col", role: "columnheader" }, head)))),
    html("tbody", { role: "rowgroup" }, ...lines.map((line) => line.element)));

  root.append(
    html("div", { class: "simfp-controls" }, ...menus.map(([name, menu]) => labelled(name, menu.select)), labelled("checkpointing", checkpoints)),
    html("div", { class: "simfp-knobs" }, batch.element, context.element),
    message,
    html("div", { class: "simfp-bars-of-memory" }, ...rows.map((row) => row.element)),
    parts,
    voice.region,
  );

  // ---- what the table says
  function show() {
    const { contexts, batches, cells } = table();
    const cell = cells[contexts.indexOf(model.get("context"))][batches.indexOf(model.get("batch"))];
    const chosen = model.get("recipe");
    checkpoints.checked = model.get("checkpointing");
    for (const row of rows) {
      const { bar, reading } = cell[row.name];
      row.parts.forEach((part, index) => (part.style.width = `${100 * bar[index]}%`));
      setText(row.reading, reading);
      setText(row.title, `${row.name === chosen ? "▸ " : ""}${row.label}`);
      row.element.classList.toggle("simfp-chosen", row.name === chosen);
    }
    const told = cell[chosen];
    setText(caption, `${labels[chosen]}: ${told.reading}. The peak is in the ${told.moment}.`);
    lines.forEach((line, index) => line.cells.forEach((td, column) => setText(td, told.parts[index][column])));
    setAttribute(root, "data-shown", `${model.get("context")} ${model.get("batch")} ${chosen}`);
    voice.say(`${labels[chosen]}: ${told.reading}`);
  }
  function say() {
    setText(message, model.get("message"));
  }

  const stops = [
    ...menus.map(([, menu]) => menu.stop),
    batch.stop,
    context.stop,
    voice.stop,
    follow(model, ["batch", "context", "recipe", "checkpointing", "_table"], show),
    follow(model, ["message"], say),
  ];
  batch.show();
  context.show();
  show();
  say();
  return () => stops.forEach((stop) => stop());
}

export default { render };
