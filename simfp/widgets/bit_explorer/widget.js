// The front end of simfp.widgets.BitExplorer. It draws texts that simfp computed and says what was touched;
// it neither rounds nor decodes.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText, uniqueId } from "../parts/shared.js";

const FIELDS = ["sign", "exponent", "mantissa"];

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-explorer", role: "group", "aria-label": "bit explorer" });
  keepKeys(root);
  el.append(root);
  const table = () => model.get("_table");

  // ---- one question at a time: what is touched before its answer waits, strokes of one drag together
  let asking = false;
  const waiting = [];
  function ask(question) {
    const last = waiting.at(-1);
    if (question.do === "paint" && last?.do === "paint" && last.row === question.row && last.to === question.to) last.bits.push(...question.bits);
    else waiting.push(question);
    next();
  }
  function next() {
    if (!waiting.length || asking) return;
    asking = true;
    model.send(waiting.shift());
  }

  // ---- controls
  const typed = html("input", { type: "text", name: "value", size: 28, autocomplete: "off", spellcheck: "false" });
  const message = html("p", { class: "simfp-message", role: "alert", id: uniqueId("message") });
  typed.setAttribute("aria-describedby", message.id);
  typed.addEventListener("change", () => send(model, "value", typed.value));
  const rounding = dropDown(model, "rounding", table().roundings.map((name) => [name, name.replaceAll("_", " ")]));
  const voice = announcer();
  const rows = table().rows.map((row, index) => rowOf(row, index));
  root.append(
    html("div", { class: "simfp-controls" }, labelled("value", typed), labelled("rounding", rounding.select)),
    message,
    html("p", { class: "simfp-caption" }, "Click a bit or drag across several; Space flips, arrows move, + and − (or Page Up, Page Down) step to the neighbours. Values: 0.1, 0x1.8p-14, 2^-24, inf, nan."),
    ...rows.map((row) => row.element),
    voice.region,
  );

  // ---- copying; where the browser forbids it, the text stands selected, to be copied by hand
  let told = null; // the row that tells of the last copy
  function tellNothing() {
    if (!told) return;
    setText(told.said, "");
    told.byHand.hidden = true;
    told = null;
  }
  async function copy(text, row) {
    tellNothing();
    told = row;
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const before = root.getRootNode().activeElement;
      row.byHand.hidden = false;
      row.byHand.value = text;
      row.byHand.size = text.length;
      row.byHand.focus();
      row.byHand.select();
      done = document.execCommand("copy");
      if (done) {
        row.byHand.hidden = true;
        before?.focus();
      }
    }
    setText(row.said, done ? `copied: ${text}` : "the browser did not let it be copied; selected, to copy by hand:");
  }

  // ---- dragging: every bit passed takes the new value of the first
  let brush = null;
  const stopBrush = () => (brush = null);
  window.addEventListener("pointerup", stopBrush);
  window.addEventListener("pointercancel", stopBrush);
  function paint(row, bit) {
    if (brush?.row !== row || brush.done.has(bit)) return;
    brush.done.add(bit);
    ask({ do: "paint", row, bits: [bit], to: brush.to });
  }
  root.addEventListener("pointermove", (event) => {
    if (!brush) return;
    const under = root.getRootNode().elementFromPoint(event.clientX, event.clientY)?.closest?.(".simfp-bit");
    if (!under || !root.contains(under)) return;
    const bit = Number(under.dataset.bit);
    if (Number(under.dataset.row) !== brush.row) return;
    for (let at = Math.min(bit, brush.at); at <= Math.max(bit, brush.at); at += 1) paint(brush.row, at);
    brush.at = bit;
  });

  function rowOf(row, index) {
    const bits = [];
    const fields = row.widths.map((width, field) => html("span", { class: "simfp-field" }, ...Array.from({ length: width }, () => {
      const bit = html("button", { type: "button", role: "switch", class: `simfp-bit simfp-${FIELDS[field]}`, tabindex: bits.length ? -1 : 0, "data-row": index, "data-bit": bits.length });
      bits.push(bit);
      return bit;
    })));
    const flipped = (bit) => (bits[bit].textContent === "1" ? 0 : 1);
    function focus(bit) {
      bits.forEach((other, i) => setAttribute(other, "tabindex", i === bit ? 0 : -1));
      bits[bit].focus();
    }
    bits.forEach((element, bit) => {
      element.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        event.preventDefault();
        if (element.hasPointerCapture?.(event.pointerId)) element.releasePointerCapture(event.pointerId);
        focus(bit);
        brush = { row: index, at: bit, to: flipped(bit), done: new Set() };
        paint(index, bit);
      });
      element.addEventListener("click", (event) => {
        if (event.detail === 0) ask({ do: "paint", row: index, bits: [bit], to: flipped(bit) }); // by key
      });
      element.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own, such as zooming
        const moves = { ArrowLeft: bit - 1, ArrowRight: bit + 1, Home: 0, End: bits.length - 1 };
        const steps = { PageUp: "up", PageDown: "down", "+": "up", "-": "down" };
        const others = { ArrowUp: index - 1, ArrowDown: index + 1 };
        if (event.key in moves) focus(Math.min(Math.max(moves[event.key], 0), bits.length - 1));
        else if (event.key in others) rows[others[event.key]]?.focus(bit);
        else if (event.key in steps) ask({ do: "step", row: index, to: steps[event.key] });
        else return;
        event.preventDefault();
      });
    });
    const button = (text, label, action) => {
      const element = html("button", { type: "button", class: "simfp-button", "aria-label": label }, text);
      element.addEventListener("click", () => element.getAttribute("aria-disabled") !== "true" && action());
      return element;
    };
    const steps = [["▲", "up", "next larger"], ["▼", "down", "next smaller"]].map(([sign, to, name]) =>
      button(sign, `${row.label}: ${name} value`, () => ask({ do: "step", row: index, to })));
    const landmarks = row.landmarks.map(([name, reason]) => {
      const element = button(name, `${row.label}: ${name}${reason ? `, none: ${reason}` : ""}`, () => ask({ do: "landmark", row: index, to: name }));
      element.dataset.landmark = name;
      if (reason) {
        element.setAttribute("aria-disabled", "true");
        element.title = `${row.label}: ${reason}`;
      }
      return element;
    });
    let now = row;
    const codeOf = ({ facts }) => facts.find(([name]) => name === "code")[1];
    const copying = {
      said: html("span", { class: "simfp-said", role: "status" }),
      byHand: html("input", { type: "text", readonly: true, hidden: true, class: "simfp-code", "aria-label": `${row.label}: to copy by hand` }),
    };
    const copies = [
      button("copy code", `${row.label}: copy the code`, () => copy(codeOf(now), copying)),
      button("copy Python", `${row.label}: copy the Python`, () => copy(now.python, copying)),
    ];
    const code = html("input", { type: "text", class: "simfp-code", name: "code", size: 11, autocomplete: "off", spellcheck: "false", "aria-label": `${row.label}: the code, in hexadecimal` });
    code.addEventListener("change", () => ask({ do: "code", row: index, to: code.value }));
    const facts = row.facts.map(([name]) => html("dd", { "data-fact": name }));
    const element = html("section", { class: "simfp-row", "data-format": row.label, "aria-label": row.label },
      html("div", { class: "simfp-row-head" },
        html("b", { class: "simfp-row-name" }, html("span", { class: "simfp-chip", style: `background: ${row.color}`, "aria-hidden": "true" }), row.label),
        html("div", { class: "simfp-bits", role: "group", "aria-label": `${row.label} bits` }, ...fields), code, ...steps),
      html("dl", { class: "simfp-facts" }, ...row.facts.map(([name], i) => html("div", { class: `simfp-fact simfp-${name.replace(" ", "-")}` }, html("dt", {}, name), facts[i]))),
      html("div", { class: "simfp-buttons" }, ...landmarks, ...copies, copying.said, copying.byHand));
    function show(next) {
      if (told === copying && now.python !== next.python) tellNothing();
      now = next;
      bits.forEach((bit, i) => {
        setText(bit, next.bits[i]);
        setAttribute(bit, "aria-checked", next.bits[i] === "1");
        setAttribute(bit, "aria-label", `${row.label} bit ${bits.length - 1 - i}: ${next.bits[i]}`);
        bit.classList.toggle("simfp-one", next.bits[i] === "1");
      });
      facts.forEach((fact, i) => setText(fact, next.facts[i][1]));
      code.value = codeOf(next);
      steps.forEach((step, i) => setAttribute(step, "aria-disabled", !next.steps[i]));
      copies.forEach((step) => setAttribute(step, "aria-disabled", next.python === null));
    }
    return { element, show, focus: (bit) => focus(Math.min(bit, bits.length - 1)) };
  }

  function show() {
    table().rows.forEach((row, i) => rows[i].show(row));
    voice.say(table().rows.map((row) => `${row.label} ${row.facts[0][1].slice(0, 40)}`).join(". "));
    asking = false;
    next();
  }
  function say() {
    setText(message, model.get("message"));
    setAttribute(typed, "aria-invalid", model.get("message") !== "");
    typed.value = model.get("value");
  }
  const stops = [
    rounding.stop,
    voice.stop,
    () => window.removeEventListener("pointerup", stopBrush),
    () => window.removeEventListener("pointercancel", stopBrush),
    follow(model, ["_table"], show),
    follow(model, ["message", "value"], say),
  ];
  show();
  say();
  return () => stops.forEach((stop) => stop());
}

export default { render };
