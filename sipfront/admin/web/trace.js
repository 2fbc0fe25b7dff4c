// Every message of a call, or of a phone: as a diagram, and each in full. Needs the token.

import { ask, token } from "./api.js";
import { el, moment } from "./dom.js";
import { ladder, row } from "./ladder.js";

const SHOWN = 8; // calls of one phone

/** An element that fills itself with what the front remembers of a Call-ID or an address. */
export function messages(name, kind) {
  const body = el("div", { class: "messages" });
  const part = el("section", { "aria-label": "Every message" }, el("h3", { class: "between" }, "Every message"), body);
  if (token()) fill(body, name, kind);
  else body.append(el("p", { class: "small" }, "What was said is shown to those who have the token: unlock the levers, then open this again."));
  return part;
}

async function fill(body, name, kind) {
  body.append(el("p", { class: "small" }, "asking…"));
  let found = null;
  try {
    const { status, value } = await ask(`/api/v1/trace?kind=${kind}&calls=${SHOWN}&name=${encodeURIComponent(name)}`);
    found = status === 200 ? value : { error: value.error || `the front answered ${status}` };
  } catch {
    found = { error: "the front does not answer" };
  }
  if (found.error) return body.replaceChildren(el("p", { class: "said-bad" }, found.error));
  if (!found.calls.length) return body.replaceChildren(el("p", { class: "none" }, nothing(found)));
  body.replaceChildren(...found.calls.reverse().map((call) => shown(call, kind === "aor")),
    el("p", { class: "small" }, `${found.cut ? "There is more than is shown. " : ""}Passwords, keys and dialled digits are asterisks. As a capture for Wireshark: sipfront trace --pcap FILE.`));
}

function nothing(found) {
  if (!found.remembers) return "This front remembers no messages (trace.messages is 0).";
  return found.since ? `Nothing is remembered of it any more; the oldest message is of ${moment(found.since)}.` : "This front has seen no message yet.";
}

function shown(call, named) {
  const first = call.messages[0];
  const parties = new Map(); // key -> [side, label]
  for (const one of call.messages) parties.set(key(one), [one.side, one.party]);
  const side = (wanted) => [...parties].filter(([, [where]]) => where === wanted).map(([name, [, label]]) => [name, label]);
  const nodes = side("inside").sort((a, b) => a[1].localeCompare(b[1]));
  const lanes = [...side("outside"), ["front", "sipfront"], ...nodes];
  const after = (at) => 1000 * (at - first.at);
  const last = call.messages.at(-1);
  const rows = [
    ...call.messages.map((one) => row(after(one.at), one.sent ? "front" : key(one), one.sent ? key(one) : "front", one.label, tone(one))),
    ...call.notes.filter((one) => one.at >= first.at && one.at <= last.at).map((one) => ({ at: after(one.at), note: one.text })),
  ].sort((a, b) => a.at - b.at);
  return el("article", { class: "said" },
    named ? el("p", { class: "when" }, `${moment(first.at)} · ${first.label} · ${call.call_ids.join(", ")}`) : null,
    el("div", { class: "scroll" }, ladder(lanes, rows)),
    el("details", null, el("summary", null, `${call.messages.length} messages in full`), call.messages.map(full)));
}

function key(one) {
  return one.side === "inside" ? `in ${one.party}` : `out ${one.party} ${one.remote}`;
}

function tone(one) {
  return /^[456]/.test(one.label) && !/^(401|407)/.test(one.label) ? "bad" : "";
}

function full(one) {
  const [from, to] = one.sent ? ["sipfront", one.party] : [one.party, "sipfront"];
  return el("details", null,
    el("summary", null, `${moment(one.at)} ${one.label}, ${from} → ${to} (${one.transport} ${one.local} ${one.sent ? "→" : "←"} ${one.remote})`),
    el("pre", { class: "wire-text" }, one.text));
}
