// The front end of simfp.widgets.NumberLine. It draws places and texts that simfp computed, and tells simfp what the
// hand did; at most one move waits for its answer, and of those that come meanwhile only the last is sent.

import { announcer, dropDown, follow, html, keepKeys, labelled, send, setAttribute, setText, svg } from "../parts/shared.js";

const LEFT = 4; // share of the width, in per cent, on either side of the line
const LINE = 64; // where the line lies, from the top
const ROW = 24; // height of a row of arrows
const HEAP = 54; // height of a heap of throws: at most 200, in rows of ten
const KEYS = {
  ArrowLeft: { steps: -1 }, ArrowRight: { steps: 1 }, ArrowDown: { go: "down" }, ArrowUp: { go: "up" },
  PageDown: { go: "down" }, PageUp: { go: "up" }, Home: { go: "first" }, End: { go: "last" },
  t: { go: "tie" }, "+": { zoom: -1 }, "-": { zoom: 1 },
};

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-numberline", role: "group", "aria-label": "number line" });
  keepKeys(root);
  el.append(root);
  const table = () => model.get("_table");

  // ---- one message at a time
  let waiting = false;
  let next = null;
  const act = (move) => {
    if (waiting) return void (next = move);
    waiting = true;
    model.send(move);
  };
  const answered = () => {
    waiting = false;
    const move = next;
    next = null;
    if (move) act(move);
  };

  // ---- the controls
  const choices = table().choices;
  const format = dropDown(model, "fmt", choices.fmt);
  const rounding = dropDown(model, "rounding", choices.rounding);
  const scale = dropDown(model, "scale", choices.scale);
  const number = html("input", { type: "text", size: 16, name: "x", autocomplete: "off", spellcheck: "false" });
  const message = html("p", { class: "simfp-message", role: "alert" });
  const voice = announcer();
  number.addEventListener("change", () => {
    send(model, "x", number.value);
    number.value = model.get("x");
  });
  const button = (text, move, title) => {
    const element = html("button", { type: "button", title }, text);
    element.addEventListener("click", () => act(move));
    return element;
  };
  const zoom = html("input", { type: "range", step: 1, class: "simfp-slider", name: "span" });
  zoom.addEventListener("input", () => send(model, "span", Number(zoom.value)));
  const why = html("p", { class: "simfp-why" });
  const caption = html("p", { class: "simfp-caption" });
  const thrown = html("span", { class: "simfp-thrown" });

  // ---- the line
  const picture = svg("svg", { class: "simfp-line", width: "100%" });
  const at = (place) => `${LEFT + place * (100 - 2 * LEFT)}%`;
  const axis = svg("line", { class: "simfp-axis", x1: at(0), x2: at(1), y1: LINE, y2: LINE });
  const marks = svg("g", {});
  const arrows = svg("g", {});
  const heaps = svg("g", {});
  const base = (now) => LINE + ROW * now.rows.length + 12; // the lower end of the arrows
  const marker = svg("line", { class: "simfp-marker", y1: LINE });
  const handle = svg("circle", { class: "simfp-handle", r: 9, cy: LINE, tabindex: 0, role: "slider", "aria-label": "x" });
  picture.append(axis, marks, arrows, heaps, marker, handle);

  const grip = (event) => {
    const box = picture.getBoundingClientRect();
    const margin = (box.width * LEFT) / 100;
    act({ to: Math.min(Math.max((event.clientX - box.left - margin) / (box.width - 2 * margin), 0), 1) });
  };
  picture.addEventListener("pointerdown", (event) => {
    picture.setPointerCapture(event.pointerId);
    handle.focus();
    grip(event);
    event.preventDefault();
  });
  picture.addEventListener("pointermove", (event) => {
    if (picture.hasPointerCapture(event.pointerId)) grip(event);
  });
  handle.addEventListener("keydown", (event) => {
    const move = event.shiftKey && event.key === "ArrowLeft" ? KEYS.ArrowDown : event.shiftKey && event.key === "ArrowRight" ? KEYS.ArrowUp : KEYS[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    act(move);
    event.preventDefault();
  });

  root.append(
    html("div", { class: "simfp-controls" }, labelled("format", format.select), labelled("rounding", rounding.select), labelled("scale", scale.select)),
    html("div", { class: "simfp-reading" }, labelled("x =", number),
      button("◂ number", { go: "down" }, "to the next number below (arrow down)"),
      button("tie", { go: "tie" }, "half way between two numbers (t)"),
      button("number ▸", { go: "up" }, "to the next number above (arrow up)"), message),
    picture,
    html("div", { class: "simfp-throws" }, button("throw again", { throw: 1 }, "the same number of throws, other luck"), thrown),
    labelled("zoom: near ◂ ▸ far", zoom),
    why,
    caption,
    voice.region,
  );

  // ---- what the table says
  function show() {
    const now = table();
    root.style.setProperty("--format", now.color);
    setAttribute(picture, "height", base(now) + HEAP + 14);
    marks.replaceChildren(
      ...now.marks.flatMap(([place, label]) => [
        svg("line", { class: "simfp-mark", x1: at(place), x2: at(place), y1: LINE - 16, y2: LINE + 6 }),
        ...(label ? [svg("text", { class: "simfp-label", x: at(place), y: LINE - 22, "text-anchor": "middle" }, label)] : []),
      ]),
      ...now.ties.map((place) => svg("circle", { class: "simfp-tie", cx: at(place), cy: LINE, r: 3.5 })),
    );
    const [place, text] = now.x;
    setAttribute(handle, "cx", at(place));
    setAttribute(handle, "aria-valuetext", `${text}${now.tie ? ", a tie" : now.exact ? `, a number of ${now.label}` : ""}`);
    setAttribute(handle, "aria-valuenow", place);
    setAttribute(marker, "x1", at(place));
    setAttribute(marker, "x2", at(place));
    setAttribute(marker, "y2", base(now) + HEAP);
    arrows.replaceChildren(...now.rows.flatMap((row, index) => arrow(row, place, LINE + ROW * (index + 1))));
    heaps.replaceChildren(...dots(now));
    if (document.activeElement !== number) number.value = text;
    setText(thrown, `stochastic: ${now.thrown}`);
    thrown.classList.toggle("simfp-chosen", now.stochastic);
    setText(why, `nearest_even: ${now.why}.`);
    setText(caption, now.caption);
    setAttribute(zoom, "min", now.spans[0]);
    setAttribute(zoom, "max", now.spans[1]);
    zoom.value = model.get("span");
    voice.say(`x is ${handle.getAttribute("aria-valuetext")}. ${now.rows.map(([mode, , result]) => `${mode}: ${result}`).join(", ")}`);
    answered();
  }

  function arrow([mode, to, result, chosen], from, y) {
    const way = to > from ? "▸" : "◂";
    const before = (to > from && from > 0.3) || from > 0.7; // the words stand where the arrow does not go, and on the screen
    const group = svg("g", { class: `simfp-arrow${chosen ? " simfp-chosen" : ""}`, "data-mode": mode, "data-result": result });
    group.append(
      svg("line", { x1: at(from), x2: at(to), y1: y, y2: y }),
      svg("text", { class: "simfp-tip", x: at(to), y: y + 5, "text-anchor": "middle" }, to === from ? "•" : way),
      svg("text", { class: "simfp-told", x: at(from), y: y + 4, dx: before ? -10 : 10, "text-anchor": before ? "end" : "start" }, `${mode} → ${result}`),
    );
    return [group];
  }

  // throws pile up in two heaps, rows of ten, as wide as there is room between the two
  let width = 0;
  function dots(now) {
    const y = base(now) + HEAP;
    const room = now.throws.length > 1 ? (Math.abs(now.throws[1][0] - now.throws[0][0]) * width * (100 - 2 * LEFT)) / 100 : Infinity;
    const step = Math.min(Math.max(room / 11, 1), 4);
    const found = now.throws.map(([place, count]) => svg("g", { class: "simfp-heap" }, ...Array.from({ length: count }, (_, index) => {
      const dot = svg("circle", { class: "simfp-throw", cx: at(place), cy: y - 3 * Math.floor(index / 10), r: Math.min(0.4 * step, 1.3) });
      dot.style.transform = `translateX(${(step * ((index % 10) - 4.5)).toFixed(2)}px)`;
      return dot;
    })));
    found.push(svg("text", { class: "simfp-average", x: at(now.average), y: y + 12, "text-anchor": "middle" }, "▲"));
    return found;
  }
  const size = new ResizeObserver(() => {
    width = picture.getBoundingClientRect().width;
    heaps.replaceChildren(...dots(table()));
  });

  const showMessage = () => setText(message, model.get("message"));
  const stops = [
    follow(model, ["_table"], show),
    follow(model, ["message"], showMessage),
    follow(model, ["x"], () => { if (number.value !== model.get("x")) number.value = model.get("x"); }),
    format.stop, rounding.stop, scale.stop, voice.stop,
    () => size.disconnect(),
  ];
  show();
  showMessage();
  size.observe(picture);
  return () => stops.forEach((stop) => stop());
}

export default { render };
