// One call: a diagram of what became of it, what is known of its legs, and every message; one phone.

import { age, byId, day, el, moment, say } from "./dom.js";
import { ladder, row } from "./ladder.js";
import { party } from "./lists.js";
import { messages } from "./trace.js";

/** Show a call as it is recorded (both legs as one), or the dialogs that are known of it. */
export function showCall(call) {
  const legs = Array.isArray(call) ? call : [];
  say(byId("call-title"), legs.length ? "A call, as its dialogs" : `${party(call.caller)} → ${party(call.reached || call.callee)}`);
  const known = legs.length ? legs.map(facts) : [diagram(call), recorded(call)];
  byId("call-body").replaceChildren(...known, messages(legs.length ? legs[0].call_id : call.call_id, "call"));
  byId("call").showModal();
}

/** Show a phone: where it is, which nodes know it, and what it said last. */
export function showPhone(one) {
  say(byId("call-title"), `Phone ${one.aor}`);
  const nodes = Object.entries(one.nodes || {}).map(([name, left]) => `${name}: ${left ? `for ${age(left)}` : "no"}`);
  const known = list({
    contact: one.contact, reached: one.flow, reachable: one.reachable ? "yes" : "no", "registered for": age(one.expires),
    "last heard": one.seen === undefined ? "" : `${age(one.seen)} ago`, phone: one.user_agent, "known at": nodes.join(" · "),
    credentials: one.credentials, "Call-ID": one.call_id, parameters: one.params,
  });
  byId("call-body").replaceChildren(known, messages(one.aor, "aor"));
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

function ending(call, at, node, far) {
  const text = call.answer ? "BYE" : call.status ? String(call.status) : "given up";
  if (call.ended_by === "caller") return [row(at, "caller", far, text)];
  if (call.ended_by === "callee") return [row(at, far, "caller", text)];
  if (call.ended_by === "front") return [row(at, "front", "caller", text, "bad"), row(at, "front", far, text, "bad")];
  if (call.ended_by === "node") return [row(at, node, "caller", text)];
  return [{ at, note: `over${call.status >= 300 ? `: ${call.status}` : ""}` }];
}
