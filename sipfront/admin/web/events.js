// What happened, newest first; and why, with the evidence that a decision rests on.

import { get } from "./api.js";
import { byId, day, el, moment, put, svg } from "./dom.js";

const KEPT = 500;
export const ROLES = ["start", "failover", "switch-over", "fail-back", "drain"];
const LOUD = ["down", "alarm", "lost", "kept", "unknown", "overloaded", "store_degraded", "store_damaged", "bug"];
const GOOD = ["up", "mended", "standing", "veto", "store_recovered"];

let events = [];
let chosen = null; // an event's key, or null: the newest change of role
let nodes = [];
const reasons = new Map(); // by epoch: what `sipfront explain` says, or null while it is asked

const key = (event) => `${event.at}-${event.id}`;

export function all() {
  return events;
}

export function forget() {
  events = [];
}

/** Another life of the front: it may know more, or less. */
export function forgetReasons() {
  reasons.clear();
}

/** The rule behind a change of role, and what would have changed it; asked once. */
function reason(event) {
  if (!ROLES.includes(event.event) || !event.epoch) return null;
  if (!reasons.has(event.epoch)) {
    reasons.set(event.epoch, null);
    get(`/api/v1/explain?epoch=${event.epoch}`).then((told) => {
      reasons.set(event.epoch, told);
      draw();
    });
  }
  return reasons.get(event.epoch);
}

function reasoned(event) {
  const told = reason(event);
  if (!told || !told.because) return null;
  return el("div", { class: "reason" },
    el("p", null, el("b", null, "The rule: "), told.because),
    told.would_change?.length ? [el("p", null, el("b", null, "It would have been otherwise:")),
      el("ul", null, told.would_change.map((one) => el("li", null, one)))] : null);
}

export function setNodes(names) {
  nodes = names;
}

export function add(event) {
  if (events.some((one) => key(one) === key(event))) return;
  events.push(event);
  if (events.length > KEPT) events.shift();
}

export function draw() {
  const only = byId("only-roles").checked;
  const shown = events.filter((event) => !only || ROLES.includes(event.event)).slice(-200).reverse();
  const why = explained();
  let date = "";
  const lines = [];
  for (const event of shown) {
    if (day(event.at) !== date) {
      date = day(event.at);
      lines.push(el("li", { class: "day" }, date));
    }
    lines.push(entry(event, why));
  }
  put(byId("events"), lines.length ? lines : [el("li", { class: "none" }, "nothing yet")]);
  explain(why);
}

function tone(kind) {
  if (ROLES.includes(kind)) return kind === "failover" ? "turn hot" : "turn";
  if (LOUD.includes(kind)) return "loud";
  return GOOD.includes(kind) ? "fine" : "";
}

function entry(event, why) {
  const inside = [
    el("time", { datetime: new Date(event.at * 1000).toISOString() }, moment(event.at)),
    el("span", { class: `pill word ${tone(event.event)}` }, event.event),
    el("span", { class: "text" }, event.text),
  ];
  const known = (event.evidence || []).length > 0 || ROLES.includes(event.event);
  const current = why && key(event) === key(why);
  return el("li", { class: current ? "chosen" : "" }, known
    ? el("button", { type: "button", "aria-current": current ? "true" : null, onclick: () => choose(event) }, inside)
    : el("div", null, inside));
}

function choose(event) {
  chosen = key(event);
  draw();
}

/** The chosen event; else the newest change of role. */
function explained() {
  const found = events.find((event) => key(event) === chosen);
  return found || events.findLast((event) => ROLES.includes(event.event)) || null;
}

function explain(event) {
  const place = byId("why");
  if (!event) {
    put(place, el("p", { class: "none" }, "No change of role is known yet."));
    return;
  }
  const evidence = event.evidence || [];
  put(place,
    el("p", { class: "when" }, `${day(event.at)} ${moment(event.at)}`, event.epoch !== undefined ? ` · epoch ${event.epoch}` : "", ` · ${event.event}`,
      event.took ? ` · ${Math.round(1000 * event.took)} ms after the trouble began` : ""),
    el("p", { class: "sentence" }, event.text),
    evidence.length ? lanes(evidence) : null,
    reasoned(event),
    evidence.length
      ? el("details", null, el("summary", null, `the evidence, ${evidence.length} pieces`),
        el("div", { class: "scroll" }, el("table", null,
          el("thead", null, el("tr", null, el("th", null, "seconds before"), el("th", null, "what"), el("th", null, "told"))),
          el("tbody", null, evidence.map(piece)))))
      : el("p", { class: "small" }, "It rests on no evidence of probes or requests: somebody asked for it, or it is news."));
}

function piece(item) {
  const rest = Object.entries(item).filter(([name, value]) => !["kind", "at"].includes(name) && value !== null)
    .map(([name, value]) => (name === "node" ? nodes[value] ?? `node ${value}` : `${name} ${value}`));
  return el("tr", null, el("td", { class: "number" }, typeof item.at === "number" ? item.at.toFixed(3) : ""),
    el("td", null, item.kind), el("td", null, rest.join(", ")));
}

const GOOD_KINDS = ["answered", "heard"];
const BAD_KINDS = ["refused", "silent", "overload", "missed"];

/** One lane for each node; time runs to the decision at the right. */
function lanes(evidence) {
  const timed = evidence.filter((item) => typeof item.at === "number");
  if (!timed.length) return null;
  const first = Math.min(...timed.map((item) => item.at), -0.01);
  const who = [...new Set(timed.map((item) => item.node ?? -1))].sort();
  const width = 560;
  const left = 70;
  const height = 34 * who.length + 26;
  // The root: what happened just before the decision is what it rests on.
  const x = (at) => left + (width - left - 16) * (1 - Math.sqrt(Math.max(0, at / first)));
  const parts = who.map((node, row) => {
    const y = 20 + 34 * row;
    return svg("g", null,
      svg("text", { x: 0, y: y + 4, class: "lane" }, node < 0 ? "" : nodes[node] ?? `node ${node}`),
      svg("line", { x1: left, y1: y, x2: width - 16, y2: y, class: "lane-line" }),
      timed.filter((item) => (item.node ?? -1) === node).map((item) => mark(item, x(item.at), y)));
  });
  const base = height - 6;
  return svg("svg", { class: "lanes", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${timed.length} pieces of evidence in the ${(-first).toFixed(2)} seconds before the decision` },
    svg("line", { x1: x(0), y1: 6, x2: x(0), y2: base - 12, class: "decided" }), parts,
    ticks(first).map((at) => svg("g", null,
      svg("line", { x1: x(at), y1: base - 17, x2: x(at), y2: base - 12, class: "lane-line" }),
      svg("text", { x: x(at), y: base, class: "tick", "text-anchor": at === first ? "start" : "middle" }, at === first ? `${at.toFixed(2)} s` : `${at}`))),
    svg("text", { x: x(0), y: base, class: "tick", "text-anchor": "end" }, "decision"));
}

/** Round moments that leave room for each other, by the root. */
function ticks(first) {
  const chosen = [first];
  for (const at of [-20, -10, -5, -2, -1, -0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.005]) {
    const apart = Math.sqrt(chosen[chosen.length - 1] / first) - Math.sqrt(at / first);
    if (at > first && apart > 0.16 && Math.sqrt(at / first) > 0.18) chosen.push(at);
  }
  return chosen;
}

function mark(item, x, y) {
  const kind = item.kind;
  const title = svg("title", null, `${kind} ${item.at.toFixed(3)} s`);
  if (BAD_KINDS.includes(kind)) return svg("path", { d: `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x + 4} ${y - 4}L${x - 4} ${y + 4}`, class: "m-bad" }, title);
  if (GOOD_KINDS.includes(kind)) return svg("circle", { cx: x, cy: y, r: 4, class: "m-good" }, title);
  return svg("line", { x1: x, y1: y - 5, x2: x, y2: y + 5, class: "m-asked" }, title);
}
