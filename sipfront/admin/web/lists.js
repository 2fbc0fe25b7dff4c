// Calls, phones, trunks and counters: asked for while they are looked at.

import { get } from "./api.js";
import { age, byId, el, put } from "./dom.js";

const LISTS = ["calls", "phones", "trunks", "counters"];
let current = "calls";
let status = {};
let openCall = null;

/** Tabs as WAI-ARIA wants them: one of them in the tab order, arrows between them. */
export function begin(showCall) {
  openCall = showCall;
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

/** Ask again for what is looked at. */
export async function refresh() {
  const asked = current;
  if (asked === "counters") return drawCounters();
  const query = asked === "phones" ? `&aor=${encodeURIComponent(byId("aor").value.trim())}` : "";
  const path = { calls: "calls", phones: "bindings", trunks: "trunks" }[asked];
  const value = await get(`/api/v1/${path}?limit=200${query}`);
  if (value === null || asked !== current) return;
  ({ calls: drawCalls, phones: drawPhones, trunks: drawTrunks })[asked](value[path]);
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

/** `"Anna" <sip:1001@example.com>;tag=x` as `Anna 1001`. */
function party(value) {
  const found = /^\s*(?:"?([^"<]*?)"?\s*)?<?sips?:([^@>;]*)(?:@([^>;:]*))?/.exec(value || "");
  if (!found) return value || "–";
  const name = (found[1] || "").trim();
  return name && name !== found[2] ? `${name} (${found[2]})` : found[2] || found[3];
}

function drawCalls(dialogs) {
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
  const rows = bindings.map((one) => [one.aor, one.reachable ? "✓ yes" : "✕ no", one.expires === undefined ? "–" : age(one.expires), one.flow, one.user_agent || "–", one.contact]);
  put(byId("phones"), table(["address", "reachable", "for", "by", "phone", "contact"], rows, "No phone is registered here.",
    bindings.length === 200 ? "The first 200." : ""));
}

function drawTrunks(trunks) {
  const rows = trunks.map((one) => [one.name, one.uri, one.ways.length ? one.ways.join(" · ") : "✕ none: its name has no address now", String(one.calls)]);
  put(byId("list-trunks"), table(["trunk", "address", "ways", "calls up"], rows, "No trunk is configured."));
}

function drawCounters() {
  const answers = Object.entries(status.answers || {}).map(([code, count]) => [`calls answered ${code}`, count]);
  const rows = [...answers, ...Object.entries(status.counters || {}).sort()].map(([name, count]) => [name, String(count)]);
  put(byId("list-counters"), table(["since the start of the front", "times"], rows, "Nothing has been counted yet."));
}
