// One call: a diagram of what became of it, and what is known of its legs.

import { byId, day, el, moment, put, say, svg } from "./dom.js";
import { party } from "./lists.js";

/** Show a call as it is recorded (both legs as one), or the dialogs that are known of it. */
export function showCall(call) {
  const legs = Array.isArray(call) ? call : [];
  say(byId("call-title"), legs.length ? "A call, as its dialogs" : `${party(call.caller)} → ${party(call.reached || call.callee)}`);
  put(byId("call-body"), ...(legs.length ? legs.map(facts) : [diagram(call), recorded(call)]));
  byId("call").showModal();
}

function facts(leg) {
  return list({ "Call-ID": leg.call_id, outside: leg.outside, inside: leg.inside, "begun by": leg.from, by: leg.flow, trunk: leg.trunk, node: leg.node, epoch: leg.epoch });
}

function recorded(call) {
  return list({
    caller: call.caller, called: call.callee, answered: call.reached,
    began: `${day(call.start)} ${moment(call.start)}`,
    "was up for": call.seconds === null || call.seconds === undefined ? "" : `${call.seconds.toFixed(1)} s`,
    "came by": call.from_trunk, "went to": call.to_trunk, "done for it": call.done, epoch: call.epoch,
    "Call-ID": call.call_id, "the other leg's": call.other_call_id,
  });
}

function list(lines) {
  return el("dl", { class: "facts wide" }, Object.entries(lines).filter(([, value]) => value !== "" && value !== undefined && value !== null)
    .map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, String(value)))));
}

/** Its moments as a ladder: caller, front, the node or nodes, callee. */
function diagram(call) {
  // To the PBX itself (an announcement, an echo) nobody else is called.
  const bridged = call.other_call_id || call.to_trunk || call.reached;
  const moved = call.node_end && call.node_end !== call.node;
  const lanes = [["caller", call.from_trunk || party(call.caller)], ["front", "sipfront"], ["node", call.node || "no node"]];
  if (moved) lanes.push(["node_end", call.node_end]);
  if (bridged) lanes.push(["callee", call.to_trunk || party(call.reached || call.callee)]);
  const node = moved ? "node_end" : "node";
  const rows = [row(0, "caller", "front", "INVITE"), row(0, "front", "node", "INVITE")];
  if (call.done) rows.push({ note: call.done });
  if (moved) rows.push(row(null, "front", "node_end", "INVITE", "turn"));
  if (bridged) rows.push(row(null, node, "callee", "INVITE"));
  const after = (at) => (at === null || at === undefined ? null : 1000 * (at - call.start));
  if (call.ring && call.ring !== call.answer) rows.push(row(after(call.ring), "front", "caller", "ringing"));
  if (call.answer) rows.push(row(after(call.answer), bridged ? "callee" : node, bridged ? node : "front", "200"), row(after(call.answer), "front", "caller", "200, answered"));
  if (call.end) rows.push(...ending(call, after(call.end), node, bridged ? "callee" : node));
  return el("div", { class: "scroll" }, ladder(lanes, rows));
}

function row(at, from, to, text, tone = "") {
  return { at, from, to, text, tone };
}

function ending(call, at, node, far) {
  const text = call.answer ? "BYE" : call.status ? String(call.status) : "given up";
  if (call.ended_by === "caller") return [row(at, "caller", far, text)];
  if (call.ended_by === "callee") return [row(at, far, "caller", text)];
  if (call.ended_by === "front") return [row(at, "front", "caller", text, "bad"), row(at, "front", far, text, "bad")];
  if (call.ended_by === "node") return [row(at, node, "caller", text)];
  return [{ at, note: `over${call.status >= 300 ? `: ${call.status}` : ""}` }];
}

const APART = 170;
const LEFT = 74;
const STEP = 27;

function ladder(lanes, rows) {
  const places = Object.fromEntries(lanes.map(([name], index) => [name, LEFT + 40 + index * APART]));
  const width = LEFT + 80 + (lanes.length - 1) * APART;
  const height = 46 + rows.length * STEP;
  const heads = lanes.map(([name, word]) => svg("text", { x: places[name], y: 16, class: "head", "text-anchor": "middle" }, word.length > 22 ? `${word.slice(0, 21)}…` : word));
  const posts = lanes.map(([name]) => svg("line", { x1: places[name], y1: 24, x2: places[name], y2: height - 8, class: "post" }));
  const drawn = rows.map((one, index) => step(one, places, 46 + index * STEP, width));
  return svg("svg", { class: "ladder", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": rows.map(spoken).join("; ") }, posts, heads, drawn);
}

function spoken(one) {
  const at = one.at === null || one.at === undefined ? "" : `${Math.round(one.at)} ms: `;
  return at + (one.note || `${one.text} from ${one.from} to ${one.to}`);
}

function step(one, places, y, width) {
  const at = one.at === null || one.at === undefined ? null : svg("text", { x: LEFT - 8, y: y + 4, class: "tick", "text-anchor": "end" }, time(one.at));
  if (one.note) return svg("g", null, at, svg("text", { x: (LEFT + width) / 2, y: y + 4, class: "note", "text-anchor": "middle" }, one.note));
  const [from, to] = [places[one.from], places[one.to]];
  const side = to > from ? 1 : -1;
  return svg("g", { class: `arrow ${one.tone}` }, at,
    svg("line", { x1: from, y1: y, x2: to - 2 * side, y2: y }),
    svg("path", { d: `M${to - 9 * side} ${y - 4}L${to - side} ${y}L${to - 9 * side} ${y + 4}` }),
    svg("text", { x: (from + to) / 2, y: y - 5, "text-anchor": "middle" }, one.text));
}

function time(milliseconds) {
  return milliseconds < 10000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
