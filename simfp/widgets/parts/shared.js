// Parts that every widget's front end uses.

// A new HTML element: attributes, then children (elements or text).
export function html(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

// A new SVG element, likewise.
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Changes an element's text or attribute only where it differs, so that nothing is laid out again for nothing.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// An id that no other widget on the page has. Each loads a module of its own, so counting alone would not do.
const prefix = Math.random().toString(36).slice(2, 10);
let ids = 0;
export function uniqueId(name) {
  ids += 1;
  return `simfp-${name}-${prefix}-${ids}`;
}

// A control under its visible name.
export function labelled(text, control) {
  control.id ||= uniqueId("control");
  return html("div", { class: "simfp-control" }, html("label", { for: control.id }, text), control);
}

// A drop-down whose choice is the trait `name`; choices: [value, text] pairs.
export function dropDown(model, name, choices) {
  const select = html("select", { name }, ...choices.map(([value, text]) => html("option", { value }, text)));
  select.addEventListener("change", () => send(model, name, select.value));
  const show = () => (select.value = model.get(name));
  show();
  return { select, stop: follow(model, [name], show) };
}

// Sets a trait here and in Python.
export function send(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

// Calls `action` when one of the traits changes, until the function that comes back is called.
export function follow(model, names, action) {
  const events = names.map((name) => `change:${name}`);
  events.forEach((event) => model.on(event, action));
  return () => events.forEach((event) => model.off(event, action));
}

// JupyterLab takes arrow keys for itself; inside a widget they belong to its controls.
export function keepKeys(root) {
  root.addEventListener("keydown", (event) => event.stopPropagation());
}

// A text that screen readers speak once it has stopped changing.
export function announcer() {
  const region = html("div", { class: "simfp-unseen", "aria-live": "polite" });
  let timer = null;
  return {
    region,
    say(text) {
      clearTimeout(timer);
      timer = setTimeout(() => setText(region, text), 700);
    },
    stop: () => clearTimeout(timer),
  };
}
