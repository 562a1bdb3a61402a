// The front end of simfp.widgets.UpdateViewer. It sets bits that simfp computed in rows; it computes nothing.

import { announcer, follow, html, keepKeys, send, setAttribute, setText, uniqueId } from "../parts/shared.js";

const NAMES = { weight: "the weight", lr: "the learning rate", gradient: "the gradient" };

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-update", role: "group", "aria-label": "an update in bits" });
  keepKeys(root);
  el.append(root);
  const table = () => model.get("_table");
  const voice = announcer();
  const message = html("p", { class: "simfp-message", role: "alert" });

  const knobs = Object.keys(NAMES).map((name) => {
    const { values } = table().sliders[name];
    const input = html("input", { type: "range", class: "simfp-slider", name, min: 0, max: values.length - 1, step: 1, "aria-label": NAMES[name] });
    const reading = html("output", { class: "simfp-set", for: (input.id = uniqueId(name)) });
    input.addEventListener("input", () => send(model, name, values[Number(input.value)]));
    // a value set in Python may lie between two of the slider's: the thumb stands at the next one
    const place = () => {
      const now = Math.abs(model.get(name));
      const found = values.findIndex((value) => value >= now);
      return found < 0 ? values.length - 1 : found;
    };
    return {
      element: html("div", { class: "simfp-knob" }, reading, input),
      show() {
        const { now } = table().sliders[name];
        input.value = place();
        setText(reading, now);
        setAttribute(input, "aria-valuetext", now);
      },
    };
  });
  const title = html("p", { class: "simfp-title" });
  const blocks = html("div", { class: "simfp-blocks" });
  const caption = html("p", { class: "simfp-caption" }, "What stands in one column weighs the same, in all formats. ",
    html("span", { class: "simfp-cut" }, "Right of the dashed line"), " the format has no bits at this weight: what reaches half of the last bit left of it can move the weight, what does not is absorbed.");
  root.append(html("div", { class: "simfp-knobs" }, ...knobs.map((knob) => knob.element)), message, title, blocks, caption, voice.region);

  function row([name, value, sign, kept, lost], places) {
    const bits = html("td", { class: "simfp-places" }, html("span", { class: "simfp-plus" }, sign), html("span", { class: "simfp-kept" }, kept),
      html("span", { class: "simfp-lost" }, lost.padEnd(places - kept.length, " ")));
    return html("tr", {}, html("th", { scope: "row" }, name), html("td", { class: "simfp-value" }, value), bits);
  }

  function show() {
    const now = table();
    knobs.forEach((knob) => knob.show());
    setText(title, now.title);
    root.style.setProperty("--simfp-columns", now.places + 1);
    blocks.replaceChildren(...now.formats.map((format) => html("section", { class: "simfp-block", "data-format": format.label, style: `--format: ${format.color}` },
      html("p", { class: "simfp-verdict" }, html("span", { class: "simfp-fmt" }, format.label), html("b", { class: format.lost ? "simfp-gone" : "" }, format.verdict)),
      html("table", {}, html("tbody", {}, ...format.lines.map((line) => row(line, now.places)))))));
    voice.say(now.words);
  }

  const say = () => setText(message, model.get("message"));
  const stops = [voice.stop, follow(model, ["_table"], show), follow(model, ["message"], say)];
  show();
  say();
  return () => stops.forEach((stop) => stop());
}

export default { render };
