// Messages between parties as a diagram: a lane each, time running down.

import { svg } from "./dom.js";

/** One arrow; `at` in milliseconds, null: not known. A row `{at, note}` is a remark. */
export function row(at, from, to, text, tone = "") {
  return { at, from, to, text, tone };
}

const WIDE = { apart: 170, left: 74, letters: 22 };
const NARROW = { apart: 94, left: 34, letters: 13 }; // on a phone
const STEP = 27;
const LETTER = 6.1; // the width of one in a remark

/** `lanes`: [key, label] from left to right. */
export function ladder(lanes, rows) {
  const { apart, left, letters } = window.innerWidth < 600 ? NARROW : WIDE;
  const places = Object.fromEntries(lanes.map(([name], index) => [name, left + 40 + index * apart]));
  const width = left + 80 + (lanes.length - 1) * apart;
  const height = 46 + rows.length * STEP;
  const heads = lanes.map(([name, word]) => svg("text", { x: places[name], y: 16, class: "head", "text-anchor": "middle" }, word.length > letters ? `${word.slice(0, letters - 1)}…` : word));
  const posts = lanes.map(([name]) => svg("line", { x1: places[name], y1: 24, x2: places[name], y2: height - 8, class: "post" }));
  const drawn = rows.map((one, index) => step(one, places, 46 + index * STEP, { width, left, apart }));
  return svg("svg", { class: "ladder", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": rows.map(spoken).join("; ") }, posts, heads, drawn);
}

function spoken(one) {
  const at = one.at === null || one.at === undefined ? "" : `${Math.round(one.at)} ms: `;
  return at + (one.note || `${one.text} from ${one.from} to ${one.to}`);
}

function step(one, places, y, { width, left, apart }) {
  const at = one.at === null || one.at === undefined ? null : svg("text", { x: left + 6, y: y + 4, class: "tick", "text-anchor": "end" }, time(one.at));
  if (one.note) return svg("g", null, at, svg("text", { x: left + 46, y: y + 4, class: "note" }, cut(one.note, (width - left - 46) / LETTER)));
  const [from, to] = [places[one.from], places[one.to]];
  const side = to > from ? 1 : -1;
  // A long arrow is labelled beside the front, where it does not cross another lane.
  const near = one.from === "front" ? from + (side * apart) / 2 : one.to === "front" ? to - (side * apart) / 2 : (from + to) / 2;
  const word = Math.abs(to - from) > apart ? near : (from + to) / 2;
  return svg("g", { class: `arrow ${one.tone}` }, at,
    svg("line", { x1: from, y1: y, x2: to - 2 * side, y2: y }),
    svg("path", { d: `M${to - 9 * side} ${y - 4}L${to - side} ${y}L${to - 9 * side} ${y + 4}` }),
    svg("text", { x: word, y: y - 5, "text-anchor": "middle" }, one.text));
}

function cut(text, letters) {
  return text.length > letters ? `${text.slice(0, Math.max(1, Math.floor(letters) - 1))}…` : text;
}

function time(milliseconds) {
  return milliseconds < 10000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
