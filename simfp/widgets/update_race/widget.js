// The front end of simfp.widgets.UpdateRace: draws points and finished texts that simfp sends.

import { announcer, follow, html, keepKeys, labelled, send, setAttribute, setText, svg } from "../parts/shared.js";

const BUTTONS = [
  ["run", "▶ Run", "begin, or go on"],
  ["pause", "❚❚ Pause", "stand still; Run goes on from there"],
  ["step", "▶❚ Step", "ten steps of each run"],
  ["stop", "■ Stop", "end it; Run goes on from there"],
  ["again", "↺ Start over", "back to the first step"],
];
const EDGE = { left: 44, right: 10, top: 10, bottom: 34 };
const TALL = 280;

function render({ model, el }) {
  const root = html("div", { class: "simfp simfp-race", role: "group", "aria-label": "a race of recipes" });
  keepKeys(root);
  el.append(root);
  const live = () => model.get("_live");
  const press = (name) => send(model, "_pressed", [(model.get("_pressed")[0] ?? 0) + 1, name]);
  const buttons = BUTTONS.map(([name, text, title]) => {
    const button = html("button", { type: "button", class: "simfp-button", name, title }, text);
    button.addEventListener("click", () => press(name));
    return button;
  });
  const rate = html("select", { name: "lr" }, ...live().rates.map(([value, text]) => html("option", { value }, text)));
  rate.addEventListener("change", () => send(model, "lr", Number(rate.value)));
  const said = html("span", { class: "simfp-said" });
  const progress = html("progress", { class: "simfp-progress", "aria-label": "how much is done" });
  const message = html("p", { class: "simfp-message", role: "alert" });
  const plot = svg("svg", { class: "simfp-plot", height: TALL, role: "img" });
  const legend = html("ul", { class: "simfp-legend" });
  const voice = announcer();
  root.append(
    html("div", { class: "simfp-buttons", role: "toolbar", "aria-label": "training" }, ...buttons, labelled("learning rate", rate), progress, said),
    message, plot, legend, voice.region);

  function draw(now) {
    const across = Math.max(plot.clientWidth || 640, 200);
    const all = now.curves.flatMap((curve) => curve.points);
    const top = Math.ceil(4 * Math.max(2.3, ...all.map(([, , , worst]) => worst))) / 4;
    const bottom = Math.floor(4 * Math.min(2.2, ...all.map(([, , best]) => best))) / 4;
    const x = (step) => EDGE.left + ((across - EDGE.left - EDGE.right) * step) / now.steps;
    const y = (loss) => EDGE.top + (TALL - EDGE.top - EDGE.bottom) * (1 - (loss - bottom) / (top - bottom));
    const parts = [];
    for (let loss = bottom; loss <= top; loss += 0.25)
      parts.push(svg("line", { class: "simfp-grid", x1: EDGE.left, x2: across - EDGE.right, y1: y(loss), y2: y(loss) }), svg("text", { x: EDGE.left - 6, y: y(loss) + 4, "text-anchor": "end" }, loss.toFixed(2)));
    for (let i = 0; i <= 4; i += 1)
      parts.push(svg("text", { x: x((now.steps * i) / 4), y: TALL - 18, "text-anchor": i === 4 ? "end" : "middle" }, Math.round((now.steps * i) / 4)));
    parts.push(svg("text", { x: EDGE.left, y: TALL - 3 }, "step; the loss, on average over seeds, and a band from the best to the worst"));
    for (const { color, dash, shift, points, width: wide } of now.curves) {
      if (!points.length) continue;
      const line = (place) => points.map((point) => `${x(point[0]).toFixed(1)},${y(point[place]).toFixed(1)}`);
      parts.push(svg("polygon", { points: [...line(2), ...line(3).reverse()].join(" "), fill: color, opacity: 0.15 }));
      parts.push(svg("polyline", { class: "simfp-curve", points: line(1).join(" "), stroke: color, "stroke-width": wide, "stroke-dasharray": dash.join(" "), "stroke-dashoffset": shift }));
    }
    plot.replaceChildren(...parts);
    setAttribute(plot, "aria-label", now.words);
  }

  function key({ color, dash, shift, width: wide }) {
    return svg("svg", { width: 30, height: 8, "aria-hidden": "true" }, svg("line", { x1: 0, x2: 30, y1: 4, y2: 4, stroke: color, "stroke-width": wide, "stroke-dasharray": dash.join(" "), "stroke-dashoffset": shift }));
  }

  function show() {
    const now = live();
    rate.value = model.get("lr");
    root.dataset.state = now.state;
    progress.max = now.most;
    progress.value = now.done;
    setText(said, now.said);
    draw(now);
    legend.replaceChildren(...now.curves.map((curve) => html("li", {}, key(curve), html("b", {}, curve.label), ` ${curve.reading}`)));
    if (now.state !== "running") voice.say(`${now.said}. ${now.words}`);
  }

  const say = () => setText(message, model.get("message"));
  const size = new ResizeObserver(() => draw(live()));
  const stops = [voice.stop, () => size.disconnect(), follow(model, ["_live", "lr"], show), follow(model, ["message"], say)];
  show();
  say();
  size.observe(root);
  return () => stops.forEach((stop) => stop());
}

export default { render };
