/**
 * Building the document. Text only ever becomes text nodes, never markup, so names from the network are harmless here.
 *
 *   h("a.name", { href: links.topic("orders") }, "orders")
 *   h("button", { type: "button", onclick: pause, disabled: true }, icon, " Pause")
 *   svg("path", { d: "M0 0" })
 */

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * An HTML element. `spec` is a tag with classes (`"p.note.quiet"`); a first plain object among `rest` holds properties:
 * `on…` functions are listeners, `style` is an object of CSS properties (set through the CSSOM, which the policy allows),
 * `dataset` an object, `true` an empty attribute; `null`, `undefined` and `false` leave an attribute out.
 * @param {string} spec
 * @param {...(Object<string, unknown> | Child)} rest
 * @returns {HTMLElement}
 */
export function h(spec, ...rest) {
  const [tag, ...classes] = spec.split(".");
  return fill(document.createElement(tag || "div"), classes, rest);
}

/**
 * The same for SVG.
 * @param {string} spec
 * @param {...(Object<string, unknown> | Child)} rest
 * @returns {SVGElement}
 */
export function svg(spec, ...rest) {
  const [tag, ...classes] = spec.split(".");
  return fill(document.createElementNS(SVG_NAMESPACE, tag), classes, rest);
}

function fill(element, classes, rest) {
  if (classes.length) element.classList.add(...classes);
  if (isProperties(rest[0])) {
    for (const [name, value] of Object.entries(rest.shift())) set(element, name, value);
  }
  append(element, rest);
  return element;
}

function isProperties(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Node);
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.classList.add(...String(value).split(" ").filter(Boolean));
  else if (name === "dataset") Object.assign(element.dataset, value);
  else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/**
 * Appends children; nothing is shown for `null`, `undefined` and `false`.
 * @param {Element} element
 * @param {Child[]} children
 */
export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Puts `children` in the place of all that `element` holds.
 * @param {Element} element
 * @param {...Child} children
 */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * Sets the text only when it differs, so that a selection of unchanged text survives.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Text that only screen readers get.
 * @param {string} text
 */
export function spoken(text) {
  return h("span.spoken", text);
}

let ids = 0;

/**
 * An id that is unique in the document, for `aria-labelledby`, `for` and the like.
 * @param {string} prefix
 */
export function uniqueId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}
