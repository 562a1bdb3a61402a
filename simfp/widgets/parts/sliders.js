// Sliders over a few values, with a reading beside each.

import { follow, html, send, setAttribute, setText, uniqueId } from "./shared.js";

// A slider over `values` for the trait `name`; `says` gives the words beside it and the words that are spoken.
export function slider(model, name, label, values, says) {
  const input = html("input", { type: "range", class: "simfp-slider", name, min: 0, step: 1, "aria-label": label });
  const reading = html("output", { class: "simfp-set", for: (input.id = uniqueId(name)) });
  const element = html("div", { class: "simfp-knob" }, reading, input);
  let all = values;
  input.addEventListener("input", () => send(model, name, all[Number(input.value)]));
  function show(value = model.get(name)) {
    input.max = all.length - 1;
    input.value = all.indexOf(value);
    const [text, spoken] = says(value);
    setText(reading, text);
    setAttribute(input, "aria-valuetext", spoken);
  }
  return {
    element,
    show,
    over(other) {
      all = other;
    },
    stop: follow(model, [name], () => show()),
  };
}

export const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
