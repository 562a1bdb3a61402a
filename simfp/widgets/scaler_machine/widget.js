// The front end of simfp.widgets.ScalerMachine: buttons that ask for calls, and what came of them as finished texts.

import { announcer, follow, html, keepKeys, labelled, send, setText } from "../parts/shared.js";

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-machine", role: "group", "aria-label": "GradScaler to step through" });
  keepKeys(root);
  el.append(root);
  const state = () => model.get("_state");

  const buttons = Object.fromEntries(state().calls.map((call) => {
    const button = html("button", { type: "button", name: call }, spelled(call));
    button.addEventListener("click", () => model.send(call));
    return [call, button];
  }));
  const group = (name, ...calls) => html("div", { class: "simfp-calls", role: "group", "aria-label": name },
    html("span", { class: "simfp-calls-name", "aria-hidden": "true" }, name), ...calls.map((call) => buttons[call]));
  const outliers = ["a", "b"].map((part) => {
    const box = html("input", { type: "checkbox", name: `outlier_${part}` });
    box.addEventListener("change", () => send(model, `outlier_${part}`, box.checked));
    return { part, box, element: labelled(`an outlier in ${part}'s batch: its gradients overflow`, box) };
  });
  const held = html("dl", { class: "simfp-readings" });
  const table = html("div", { class: "simfp-parts" });
  const log = html("ol", { class: "simfp-log", "aria-label": "the calls so far, the last one first" });
  const voice = announcer();
  root.append(
    html("div", { class: "simfp-call-grid" },
      group("begin", "zero_grad()", "scale(loss).backward()"),
      group("optimizer a", "unscale_(a)", "clip(a)", "step(a)"),
      group("optimizer b", "unscale_(b)", "clip(b)", "step(b)"),
      group("end", "update()")),
    html("div", { class: "simfp-controls" }, ...outliers.map(({ element }) => element), buttons["a whole iteration"], buttons["start over"]),
    held, table, log, voice.region,
  );

  function show() {
    const { held: pairs, columns, rows, log: lines } = state();
    held.replaceChildren(...pairs.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", { "data-name": name }, value))));
    table.replaceChildren(html("table", { role: "table" },
      html("thead", { role: "rowgroup" }, html("tr", { role: "row" }, ...columns.map((name) => html("th", { scope: "col", role: "columnheader" }, name)))),
      html("tbody", { role: "rowgroup" }, ...rows.map((row) => html("tr", { role: "row", "data-part": row[0] },
        ...row.map((text, place) => html(place ? "td" : "th", place ? { role: "cell", "data-column": columns[place] } : { scope: "row", role: "rowheader" }, text)))))));
    log.replaceChildren(...lines.map(([number, call, told, wrong]) => html("li", { value: number, class: wrong ? "simfp-refused" : "" },
      html("code", {}, spelled(call)), html("span", {}, told))));
    outliers.forEach(({ part, box }) => (box.checked = model.get(`outlier_${part}`)));
    if (lines.length) voice.say(`${spelled(lines[0][1])}: ${lines[0][2]}`);
  }
  const stops = [voice.stop, follow(model, ["_state", "outlier_a", "outlier_b"], show)];
  show();
  return () => stops.forEach((end) => end());
}

// A call as it stands in a program.
function spelled(call) {
  if (call === "zero_grad()") return "optimizers' zero_grad()";
  if (call.startsWith("clip")) return `clip_grad_norm_(${call.slice(5, -1)}, 0.01)`;
  return call.includes("(") ? `scaler.${call}` : call;
}

export default { render };
