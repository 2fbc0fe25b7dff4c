// Making and filling elements, and writing times and numbers. Text is only ever set as text.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An element: el("p", {class: "x"}, "text", el("b", null, "more")). */
export function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same, of SVG. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function byId(id) {
  return document.getElementById(id);
}

/**
 * Make what is in `node` be as `children`, changing only what differs: the focus, a selection and a
 * click that is under way outlive the seconds.
 */
export function put(node, ...children) {
  const wanted = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  const there = [...node.childNodes];
  wanted.forEach((child, index) => {
    const want = typeof child === "string" ? document.createTextNode(child) : child;
    if (index >= there.length) node.append(want);
    else if (!become(there[index], want)) there[index].replaceWith(want);
  });
  for (const left of there.slice(wanted.length)) left.remove();
}

function become(node, want) {
  if (node.nodeName !== want.nodeName) return false;
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== want.data) node.data = want.data;
    return true;
  }
  for (const { name } of [...node.attributes]) {
    if (!want.hasAttribute(name) && !(name === "open" && node.nodeName === "DETAILS")) node.removeAttribute(name);
  }
  for (const { name, value } of want.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  node.onclick = want.onclick;
  put(node, ...want.childNodes);
  return true;
}

/** Set text only when it is another one: no flicker, and nothing is read out twice. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function age(seconds) {
  if (seconds === null || seconds === undefined) return "never";
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(1)} min`;
  if (seconds < 86400) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} d`;
}

export function moment(at) {
  const date = new Date(at * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function day(at) {
  return new Date(at * 1000).toLocaleDateString(undefined, { dateStyle: "medium" });
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

/** A colour of the style sheet, as the canvas wants it. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
