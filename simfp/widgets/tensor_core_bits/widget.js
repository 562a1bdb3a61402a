// The front end of simfp.widgets.TensorCoreBits. It colours distances and sets texts that simfp computed: it neither
// adds nor rounds.

import { announcer, dropDown, follow, html, keepKeys, labelled, setAttribute, setText } from "../parts/shared.js";
import { coreControls } from "../parts/tensor_core.js";

const GLOW = ["#8f6208", "#a87308", "#c68708", "#e99a00", "#ffb000", "#ffc94d", "#ffe9b8"]; // 1 ulp, 2, 4 ... and far
const DARK = "#161d29";
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-core", role: "group", "aria-label": "bits of a tensor core" });
  keepKeys(root);
  el.append(root);
  const grid = () => model.get("_grid");
  const story = () => model.get("_story");
  const controls = coreControls(model, grid());
  const cases = dropDown(model, "case", grid().choices.case);
  const voice = announcer();
  const reading = html("output", { class: "simfp-count" });
  const plate = html("canvas", { class: "simfp-plate", tabindex: 0, role: "img" });
  const source = html("p", { class: "simfp-caption" });
  const title = html("p", { class: "simfp-title" });
  const lines = html("div", { class: "simfp-lines" });
  root.append(
    html("div", { class: "simfp-controls" }, labelled("the recorded product", cases.select), controls.rounding),
    html("div", { class: "simfp-knobs" }, ...controls.knobs),
    html("div", { class: "simfp-reading" }, reading, controls.message),
    html("div", { class: "simfp-halves" }, plate,
      html("div", { class: "simfp-story" }, title, lines,
        html("p", { class: "simfp-caption" }, "Click an element, or walk with the arrow keys. ",
          html("span", { class: "simfp-spark", "aria-hidden": "true" }), "other bits than the GPU's, the brighter the further off; ",
          html("span", { class: "simfp-spark simfp-out", "aria-hidden": "true" }), "the same bits."),
        source)),
    voice.region);

  // ---- the picture
  const place = () => [Math.min(model.get("row"), grid().rows - 1), Math.min(model.get("column"), grid().columns - 1)];
  const context = plate.getContext("2d");
  function draw() {
    const { rows, columns, distances } = grid();
    const side = Math.min(root.clientWidth || 640, 2 * 240);
    const cell = Math.max(Math.floor(side / Math.max(rows, columns)), 4);
    const ratio = window.devicePixelRatio || 1;
    plate.style.width = `${cell * columns}px`;
    plate.style.height = `${cell * rows}px`;
    plate.width = cell * columns * ratio;
    plate.height = cell * rows * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#0d1117";
    context.fillRect(0, 0, cell * columns, cell * rows);
    const square = (place) => context.fillRect((place % columns) * cell + 0.5, Math.floor(place / columns) * cell + 0.5, cell - 1, cell - 1);
    distances.forEach((distance, place) => {
      if (!distance) return;
      const level = Math.min(Math.floor(Math.log2(distance)), GLOW.length - 1);
      context.fillStyle = context.shadowColor = GLOW[level];
      context.shadowBlur = level > 3 ? 5 * ratio : 0;
      square(place);
    });
    context.shadowBlur = 0; // and over the glow what is equal, so that it is dark
    context.fillStyle = DARK;
    distances.forEach((distance, place) => distance || square(place));
    const [row, column] = place();
    for (const [color, thickness] of [["#000000", 5], ["#7fd4ff", 2.5]]) {
      context.strokeStyle = color;
      context.lineWidth = thickness;
      context.strokeRect(column * cell, row * cell, cell, cell);
    }
    plate.dataset.cell = cell;
  }

  // ---- choosing an element
  function choose(row, column) {
    const { rows, columns } = grid();
    model.set("row", Math.min(Math.max(row, 0), rows - 1));
    model.set("column", Math.min(Math.max(column, 0), columns - 1));
    model.save_changes();
  }
  plate.addEventListener("pointerdown", (event) => {
    const box = plate.getBoundingClientRect();
    const cell = Number(plate.dataset.cell);
    choose(Math.floor((event.clientY - box.top) / cell), Math.floor((event.clientX - box.left) / cell));
  });
  plate.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const [row, column] = place(); // not the story's: keys may come faster than stories
    choose(row + step[0], column + step[1]);
    event.preventDefault();
  });

  // ---- what the tables say
  function showGrid() {
    const now = grid();
    setText(reading, `${now.equal ? "✓ " : ""}${now.reading}`);
    reading.classList.toggle("simfp-equal", now.equal);
    setAttribute(plate, "aria-label", `${now.setting}: ${now.reading}`);
    setText(source, now.source ? `The product was ${now.source}.` : "");
    voice.say(`${now.setting}: ${now.reading}`);
    draw();
  }
  function showStory() {
    const now = story();
    setText(title, `${now.title}: ${now.told}`);
    lines.replaceChildren(...now.rows.map(([who, bits, value], index) => html("div", { class: "simfp-line-of-bits" },
      html("div", { class: "simfp-who" }, html("span", {}, who), html("b", {}, value)),
      html("code", { "aria-label": `${who}: ${bits}` }, ...Array.from(bits, (digit, place) =>
        html("span", { class: index < 2 && now.marks[place] ? "simfp-other" : null }, digit))))));
  }

  let width = 0;
  const size = new ResizeObserver(() => {
    if (root.clientWidth !== width) {
      width = root.clientWidth;
      draw();
    }
  });
  const stops = [controls.stop, cases.stop, voice.stop, () => size.disconnect(),
    follow(model, ["_grid"], showGrid), follow(model, ["_story"], showStory), follow(model, ["row", "column"], draw)];
  showGrid();
  showStory();
  size.observe(root);
  return () => stops.forEach((stop) => stop());
}

export default { render };
