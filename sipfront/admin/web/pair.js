// The picture of the pair: outside, the front, two nodes, and which way traffic goes.

import { get } from "./api.js";
import { age, byId, el, milliseconds, put, say, svg } from "./dom.js";

const answers = new Map(); // by node: what `sipfront explain --why-not` says
const SHAPES = { UP: "●", SUSPECT: "▲", OVERLOADED: "▲", DOWN: "✕", UNKNOWN: "?" };

/** Draw `status`; `pull(lever, node)` is called when a lever is touched, if there are any. */
export function drawPair(status, pull) {
  const verdict = byId("verdict");
  verdict.className = `verdict ${status.redundant ? "good" : "bad"}`;
  const why = status.why.replace(/^(yes|no): /, "");
  say(verdict.querySelector(".said"), `${status.redundant ? "Redundant" : "Not redundant"}: ${why}`);
  document.title = `${status.redundant ? "" : "⚠ "}${status.active || "no node"} · sipfront`;
  const scene = byId("scene");
  put(
    scene,
    outside(status),
    wire("in", ["M0 50 L100 50"], ["flow"]),
    front(status),
    wire("out", ways(status), status.nodes.map(wayKind)),
    el("div", { class: "nodes" }, status.nodes.map((node) => card(node, status, pull))),
  );
  say(byId("decision"), `Last change of role: ${status.last_move || status.decision}`);
}

function outside(status) {
  const gauges = status.gauges || {};
  return el("div", { class: "card outside" },
    el("h3", null, "Outside"),
    figure(status.bindings, status.bindings === 1 ? "phone registered" : "phones registered"),
    figure(status.calls, status.calls === 1 ? "call up" : "calls up"),
    gauges.outside_connections ? el("p", { class: "small" }, `${gauges.outside_connections} TCP or TLS connections`) : null);
}

function figure(number, what) {
  return el("p", { class: "figure" }, el("b", null, String(number)), ` ${what}`);
}

function front(status) {
  const wrong = status.trouble || (status.healthy === false ? status.store : "");
  return el("div", { class: "card front" },
    el("h3", null, "Front"),
    figure(status.epoch, status.epoch === 1 ? "change of role" : "changes of role"),
    el("p", { class: "small" }, `up ${age(status.uptime)}, version ${status.version}`),
    wrong ? el("p", { class: "small bad-text" }, wrong) : null);
}

function ways(status) {
  const count = status.nodes.length;
  return status.nodes.map((_, index) => {
    const end = (100 * (index + 0.5)) / count;
    return `M0 50 C50 50 50 ${end} 100 ${end}`;
  });
}

function wayKind(node) {
  if (node.state === "DOWN") return "cut";
  if (node.role === "active") return node.state === "UP" ? "flow" : "flow doubtful";
  return node.standing === "draining" ? "draining" : "idle";
}

function wire(name, paths, kinds) {
  return svg("svg", { class: `wire ${name}`, viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
    paths.map((d, index) => svg("path", { d, class: kinds[index], "vector-effect": "non-scaling-stroke" })));
}

function card(node, status, pull) {
  const active = node.role === "active";
  return el("article", { class: `card node ${active ? "is-active" : ""} state-${node.state.toLowerCase()}`, "aria-label": `${node.name}: ${node.role}, ${node.state}` },
    el("header", null,
      el("h3", null, node.name),
      el("span", { class: `pill role ${active ? "active" : ""}` }, node.role),
      el("span", { class: `pill state ${node.state.toLowerCase()}` }, `${SHAPES[node.state] || "?"} ${node.state}`),
      node.mode !== "in-service" ? el("span", { class: "pill mode" }, node.mode) : null,
      !node.ready && !active ? el("span", { class: "pill mode" }, "not ready") : null),
    el("p", { class: "why" }, node.why),
    el("dl", { class: "facts" },
      fact("answers OPTIONS in", milliseconds(node.rtt_ms)),
      fact("heard", node.heard === null ? "never" : `${age(node.heard)} ago`),
      fact("may start", node.standing),
      node.unanswered ? fact("unanswered", String(node.unanswered)) : null),
    checks(node, status),
    active ? null : whether(node),
    evidence(node),
    pull ? levers(node, status, pull) : null);
}

function fact(name, value) {
  return el("div", null, el("dt", null, name), el("dd", null, value ?? "–"));
}

/** Could it take over? The front is asked when somebody wants to know, and again while it is open. */
function whether(node) {
  const asked = answers.get(node.name);
  return el("details", null,
    el("summary", { onclick: () => wonder(node.name) }, "could it take over?"),
    asked ? el("ul", { class: "checks" }, asked.map((one) => el("li", { class: one.good ? "" : "bad-text" }, `${one.good ? "✓" : "✕"} ${one.text}`))) : null);
}

async function wonder(name) {
  const told = await get(`/api/v1/explain/why-not/${encodeURIComponent(name)}`);
  if (told) answers.set(name, told.checks);
}

const MARKS = { good: "✓", bad: "✕", unknown: "?", hung: "?" };

/** Deeper questions and their newest outcomes, where the front asks them. */
function checks(node, status) {
  const asked = (status.probes || []).filter((one) => one.node === node.name);
  if (!asked.length) return null;
  return el("ul", { class: "checks" }, asked.map((one) => el("li", { class: one.outcome === "bad" ? "bad-text" : "" },
    `${MARKS[one.outcome] || "?"} ${one.probe}`, one.text ? `: ${one.text}` : "", ` (${age(one.age)} ago)`)));
}

function evidence(node) {
  const kinds = Object.entries(node.evidence || {});
  const counts = Object.entries(node.counters || {}).filter(([, value]) => value);
  if (!kinds.length && !counts.length) return null;
  return el("details", null,
    el("summary", null, `evidence: ${kinds.map(([kind, n]) => `${n} ${kind.toLowerCase()}`).join(", ") || "none in the window"}`),
    el("p", { class: "small" }, `since the start: ${counts.map(([kind, n]) => `${n} ${kind}`).join(", ")}`,
      node.status ? `; last answer ${node.status}` : "", ` · ${node.uri}`));
}

function levers(node, status, pull) {
  const active = node.role === "active";
  const lever = (what, word, hint) => el("button", {
    type: "button", "data-lever": `${what}-${node.name}`, title: hint, onclick: () => pull(what, node),
  }, word);
  return el("div", { class: "levers", role: "group", "aria-label": `Levers of ${node.name}` },
    active ? null : lever("switchover", "Make active", "planned: calls that are up stay where they are"),
    node.mode === "in-service" ? lever("drain", "Drain", "keeps its calls, gets nothing new") : null,
    node.mode === "in-service" ? lever("maintenance", "Maintenance", "as drain, and nobody is alarmed") : null,
    node.mode !== "in-service" ? lever("resume", "Resume", "takes part again") : null,
    node.mode === "drain" ? lever("maintenance", "Maintenance", "as drain, and nobody is alarmed") : null);
}
