// Calls, phones, trunks and counters: asked for while they are looked at.

import { get } from "./api.js";
import { age, byId, el, moment, put } from "./dom.js";

const LISTS = ["calls", "phones", "trunks", "counters"];
let current = "calls";
let status = {};
let openCall = null;
let openPhone = null;
let paths = [];

/** Tabs as WAI-ARIA wants them: one of them in the tab order, arrows between them. */
export function begin(showCall, showPhone) {
  openCall = showCall;
  openPhone = showPhone;
  for (const name of LISTS) {
    const tab = byId(`tab-${name}`);
    tab.addEventListener("click", () => show(name));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -9, End: 9 }[event.key];
      if (!step) return;
      event.preventDefault();
      const index = Math.abs(step) === 9 ? (step < 0 ? 0 : LISTS.length - 1)
        : (LISTS.indexOf(name) + step + LISTS.length) % LISTS.length;
      show(LISTS[index], true);
    });
  }
  let timer = 0;
  byId("aor").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 250);
  });
  show(current);
}

export function show(name, focus = false) {
  current = name;
  for (const one of LISTS) {
    const tab = byId(`tab-${one}`);
    tab.setAttribute("aria-selected", String(one === name));
    tab.tabIndex = one === name ? 0 : -1;
    byId(`list-${one}`).hidden = one !== name;
  }
  if (focus) byId(`tab-${name}`).focus();
  refresh();
}

export function setStatus(value) {
  status = value;
}

/** What this front can be asked: the paths of its own document. */
export async function learn() {
  const document = await get("/api/v1/openapi.json");
  paths = Object.keys(document?.paths || {});
}

/** Ask again for what is looked at. */
export async function refresh() {
  const asked = current;
  if (asked === "counters") return drawCounters();
  if (asked === "calls" && paths.includes("/api/v1/calls/live")) return refreshCalls();
  const query = asked === "phones" ? `&aor=${encodeURIComponent(byId("aor").value.trim())}` : "";
  const path = { calls: "calls", phones: "bindings", trunks: "trunks" }[asked];
  const value = await get(`/api/v1/${path}?limit=200${query}`);
  if (value === null || asked !== current) return;
  ({ calls: drawDialogs, phones: drawPhones, trunks: drawTrunks })[asked](value[path]);
}

async function refreshCalls() {
  const [live, before] = await Promise.all([get("/api/v1/calls/live?limit=200"), get("/api/v1/calls/records?limit=30")]);
  if (live !== null && current === "calls") drawCalls(live.calls, before?.calls || []);
}

function table(heads, rows, none, more) {
  if (!rows.length) return el("p", { class: "none" }, none);
  return [
    el("div", { class: "scroll" }, el("table", { class: "list" },
      el("thead", null, el("tr", null, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", null, rows.map((cells) => el("tr", null, cells.map((cell, index) => el("td", { "data-head": heads[index] }, cell ?? "–"))))))),
    more ? el("p", { class: "small" }, more) : null,
  ].filter(Boolean);
}

/** `"Anna" <sip:1001@example.com>;tag=x` as `Anna (1001)`, and `1001@example.com` as `1001`. */
export function party(value) {
  const plain = /^([^@<>"\s]+)@[^@<>"\s]+$/.exec(value || "");
  if (plain) return plain[1].replace(/^sips?:/, "");
  const found = /^\s*(?:"?([^"<]*?)"?\s*)?<?sips?:([^@>;]*)(?:@([^>;:]*))?/.exec(value || "");
  if (!found) return value || "–";
  const name = (found[1] || "").trim();
  return name && name !== found[2] ? `${name} (${found[2]})` : found[2] || found[3];
}

function drawCalls(live, before) {
  const now = Date.now() / 1000;
  const rows = (calls) => calls.map((call) => [
    el("button", { type: "button", class: "plain", onclick: () => openCall(call) }, `${party(call.caller)} → ${party(call.reached || call.callee)}`),
    call.state || ending(call),
    call.node_end && call.node_end !== call.node ? `${call.node} → ${call.node_end}` : call.node || "–",
    [call.from_trunk, call.to_trunk].filter(Boolean).join(" · ") || "–",
    call.end ? age(call.seconds ?? 0) : age(Math.max(0, now - (call.answer || call.start))),
    call.done || "–",
    moment(call.start).slice(0, 8),
  ]);
  const heads = ["who", "how", "node", "trunk", "for", "done for it", "began"];
  put(byId("list-calls"), [
    table(heads, rows(live), "No call is up.", live.length === 200 ? "The first 200." : ""),
    before.length ? el("h3", { class: "between" }, "The last ones") : null,
    before.length ? table(heads, rows(before), "") : null,
  ].flat());
}

function ending(call) {
  if (call.answer) return `ended by ${call.ended_by || "nobody"}`;
  return call.status ? `not answered: ${call.status}` : "not answered";
}

function drawDialogs(dialogs) {
  const calls = new Map();
  for (const dialog of dialogs) {
    const key = dialog.call || dialog.call_id;
    if (!calls.has(key)) calls.set(key, []);
    calls.get(key).push(dialog);
  }
  const rows = [...calls.values()].map((legs) => {
    const first = legs.find((leg) => leg.from === "outside") || legs[0];
    const [from, to] = first.from === "outside" ? [first.outside, first.inside] : [first.inside, first.outside];
    const open = el("button", { type: "button", class: "plain", onclick: () => openCall(legs) }, `${party(from)} → ${party(to)}`);
    return [open, first.kind === "INVITE" ? "call" : first.kind, first.node, first.trunk || "–", legs.map((leg) => leg.flow).filter(Boolean).join(" · "), String(legs.length)];
  });
  put(byId("list-calls"), table(["who", "kind", "node", "trunk", "outside by", "legs"], rows, "No call is up.",
    dialogs.length === 200 ? "The first 200 dialogs; the command `sipfront calls --limit` shows more." : ""));
}

function drawPhones(bindings) {
  const name = (one) => el("button", { type: "button", class: "plain", onclick: () => openPhone(one) }, one.aor);
  const at = (one) => Object.entries(one.nodes || {}).filter(([, left]) => left).map(([node]) => node).join(", ") || "–";
  const rows = bindings.map((one) => [name(one), one.reachable ? "✓ yes" : "✕ no", one.expires === undefined ? "–" : age(one.expires), at(one), one.flow, one.user_agent || "–", one.contact]);
  put(byId("phones"), table(["address", "reachable", "for", "known at", "by", "phone", "contact"], rows, "No phone is registered here.",
    bindings.length === 200 ? "The first 200." : ""));
}

function drawTrunks(trunks) {
  const rows = trunks.map((one) => [one.name, one.uri, one.ways.length ? one.ways.join(" · ") : "✕ none: its name has no address now", accounts(one), String(one.calls)]);
  put(byId("list-trunks"), table(["trunk", "address", "ways", "registered", "calls up"], rows, "No trunk is configured."));
}

function accounts(trunk) {
  const held = trunk.registrations || [];
  if (!held.length) return trunk.register && trunk.register !== "none" ? `not yet (by the ${trunk.register})` : "–";
  return held.map((one) => `${one.registered ? "✓" : "✕"} ${one.account}${one.why ? `: ${one.why}` : ""}`).join(" · ");
}

function drawCounters() {
  const answers = Object.entries(status.answers || {}).map(([code, count]) => [`calls answered ${code}`, count]);
  const rows = [...answers, ...Object.entries(status.counters || {}).sort()].map(([name, count]) => [name, String(count)]);
  put(byId("list-counters"), table(["since the start of the front", "times"], rows, "Nothing has been counted yet."));
}
