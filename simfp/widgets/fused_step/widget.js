// The front end of simfp.widgets.FusedStep. It sets bits that simfp computed in rows; it computes nothing.

import { announcer, follow, html, keepKeys, setText } from "../parts/shared.js";
import { range, slider } from "../parts/sliders.js";
import { coreControls } from "../parts/tensor_core.js";

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-fused", role: "group", "aria-label": "one step of a tensor core" });
  keepKeys(root);
  el.append(root);
  const table = () => model.get("_table");
  const controls = coreControls(model, table());
  const count = () => range(1, table().steps);
  const step = slider(model, "step", "which step", count(), (value) => [`step ${value} of ${table().steps}`, `step ${value} of ${table().steps}`]);
  const voice = announcer();
  const title = html("p", { class: "simfp-title" });
  const body = html("tbody", {});
  const legend = html("p", { class: "simfp-caption" },
    "Each row is one term, its bits in their places: what stands in one column has the same weight. ",
    html("span", { class: "simfp-cut" }, "Right of the dashed line"), " bits are thrown away, before anything is added. The last row is the sum; there ",
    html("span", { class: "simfp-cut" }, "what the running sum cannot hold"), " goes too.");
  const outcome = html("div", { class: "simfp-outcome" });
  root.append(
    html("div", { class: "simfp-knobs" }, ...controls.knobs, step.element),
    html("div", { class: "simfp-controls" }, controls.rounding, controls.message),
    title,
    html("div", { class: "simfp-terms-box" }, html("table", { class: "simfp-terms" },
      html("thead", {}, html("tr", {}, ...["k", "product", "bits", "thrown away"].map((name) => html("th", { scope: "col" }, name)))), body)),
    outcome, legend, voice.region);

  function line([name, told, sign, kept, lost, gone], tail) {
    const total = name === "sum";
    const width = total ? 0 : tail;
    const bits = html("td", { class: "simfp-places" }, html("span", { class: "simfp-plus" }, sign.padEnd(1, " ")),
      html("span", { class: "simfp-kept" }, kept),
      html("span", { class: "simfp-lost" }, html("span", {}, lost.trimStart()), " ".repeat(Math.max(width - lost.length, 0))));
    bits.lastChild.prepend(" ".repeat(lost.length - lost.trimStart().length));
    return html("tr", { class: total ? "simfp-total" : name === "c" ? "simfp-running" : "", "data-term": name },
      html("th", { scope: "row" }, name), html("td", { class: "simfp-told" }, told), bits, html("td", { class: "simfp-gone" }, gone));
  }

  function show() {
    const now = table();
    step.over(count());
    step.show(now.step);
    setText(title, now.title);
    body.replaceChildren(...now.rows.map((row) => line(row, now.tail)));
    root.style.setProperty("--simfp-columns", now.rows[0][3].length + now.tail + 1);
    outcome.replaceChildren(...now.outcome.map(([name, value]) => html("div", {}, html("span", {}, name), html("b", {}, value))));
    voice.say(now.words);
  }

  const stops = [controls.stop, step.stop, voice.stop, follow(model, ["_table"], show)];
  show();
  return () => stops.forEach((stop) => stop());
}

export default { render };
