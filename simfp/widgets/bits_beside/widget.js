// The front end of simfp.widgets.BitsBeside. It sets texts that simfp computed: it neither adds nor rounds.

import { announcer, dropDown, follow, html, keepKeys, labelled, setText } from "../parts/shared.js";
import { range, slider } from "../parts/sliders.js";

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-core simfp-beside", role: "group", "aria-label": "bits of a GPU and of simfp" });
  keepKeys(root);
  el.append(root);
  const story = () => model.get("_story");
  const checks = dropDown(model, "check", story().choices);
  const places = () => range(0, story().count - 1);
  const element = slider(model, "element", "which of the elements shown", places(),
    (value) => [`element ${value + 1} of ${story().count} shown`, `element ${value + 1} of ${story().count}`]);
  const voice = announcer();
  const reading = html("output", { class: "simfp-count" });
  const message = html("p", { class: "simfp-message", role: "alert" });
  const title = html("p", { class: "simfp-title" });
  const lines = html("div", { class: "simfp-lines" });
  const source = html("p", { class: "simfp-caption" });
  root.append(
    html("div", { class: "simfp-controls" }, labelled("the operation", checks.select)),
    html("div", { class: "simfp-knobs" }, element.element),
    html("div", { class: "simfp-reading" }, reading, message),
    html("div", { class: "simfp-story" }, title, lines, source),
    voice.region);

  function show() {
    const now = story();
    element.over(places());
    element.show(Math.min(model.get("element"), now.count - 1));
    setText(reading, now.reading);
    setText(title, `${now.title}: ${now.told}`);
    lines.replaceChildren(...now.rows.map(([who, bits, value]) => html("div", { class: "simfp-line-of-bits" },
      html("div", { class: "simfp-who" }, html("span", {}, who), html("b", {}, value)),
      html("code", { "aria-label": `${who}: ${bits}` }, ...Array.from(bits, (digit, place) =>
        html("span", { class: now.marks[place] ? "simfp-other" : null }, digit))))));
    setText(source, now.source ? `The answers were ${now.source}.` : "");
    voice.say(`${now.title}: ${now.told}`);
  }
  const say = () => setText(message, model.get("message"));
  const stops = [checks.stop, element.stop, voice.stop, follow(model, ["_story"], show), follow(model, ["message"], say)];
  show();
  say();
  return () => stops.forEach((stop) => stop());
}

export default { render };
