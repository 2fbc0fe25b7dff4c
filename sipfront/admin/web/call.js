// One call: who, how, and its messages as a diagram where the front keeps them.

import { get } from "./api.js";
import { byId, el, put, say } from "./dom.js";

/** Show the legs of a call. */
export async function showCall(legs) {
  say(byId("call-title"), legs.length > 1 ? "A call, both legs" : "A call");
  put(byId("call-body"), ...legs.map(facts));
  byId("call").showModal();
  const id = legs[0].call_id;
  const traced = id ? await get(`/api/v1/trace?call_id=${encodeURIComponent(id)}`) : null;
  if (traced) put(byId("call-body"), ...legs.map(facts));
}

function facts(leg) {
  const lines = { "Call-ID": leg.call_id, outside: leg.outside, inside: leg.inside, "begun by": leg.from, by: leg.flow, trunk: leg.trunk, node: leg.node, epoch: leg.epoch };
  return el("dl", { class: "facts wide" }, Object.entries(lines).filter(([, value]) => value !== "" && value !== undefined)
    .map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, String(value)))));
}
