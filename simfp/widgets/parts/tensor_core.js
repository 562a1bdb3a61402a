// What the two widgets about tensor cores share: sliders for L and F, the rounding of the running sum, a message.

import { dropDown, follow, html, labelled, setText } from "./shared.js";
import { range, slider } from "./sliders.js";

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
