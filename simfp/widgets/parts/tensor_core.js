// What the two widgets about tensor cores share: sliders for L and F, the rounding of the running sum, a message.

import { dropDown, follow, html, labelled, send, setAttribute, setText, uniqueId } from "./shared.js";

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

export function coreControls(model, table) {
  const [least, most] = table.fraction_bits;
  const terms = slider(model, "terms", "L: products of one step", table.terms, (value) => [`L = ${value}`, `${value} products a step`]);
  const bits = slider(model, "fraction_bits", "F: bits kept below the largest exponent", range(least, most), (value) => [`F = ${value}`, `${value} bits below the largest exponent`]);
  const rounding = dropDown(model, "rounding", table.choices.rounding);
  const message = html("p", { class: "simfp-message", role: "alert" });
  const say = () => setText(message, model.get("message"));
  const parts = [terms, bits, rounding, { stop: follow(model, ["message"], say) }];
  terms.show();
  bits.show();
  say();
  return {
    knobs: [terms.element, bits.element],
    rounding: labelled("the running sum is rounded", rounding.select),
    message,
    stop: () => parts.forEach((part) => part.stop()),
  };
}
