// Ties the page to the front: what comes by the stream is drawn, keys and buttons do what they say.

import { follow, get, setToken } from "./api.js";
import { showCall, showPhone } from "./call.js";
import { byId, put, say } from "./dom.js";
import * as events from "./events.js";
import * as levers from "./levers.js";
import * as lists from "./lists.js";
import { drawPair } from "./pair.js";
import * as plots from "./plots.js";

let status = null;
let instance = null;
let busy = false; // events come in a row: drawn once
const WORDS = { live: "live", away: "no front answers, trying again", locked: "the token is needed" };

function drawn() {
  if (busy) return;
  busy = true;
  requestAnimationFrame(() => {
    busy = false;
    events.draw();
    plots.setTurns(events.all());
  });
}

const told = {
  async hello(value) {
    if (value.instance === instance) return;
    // Another life of the front: its events and samples begin anew, ours stay as history.
    instance = value.instance;
    events.forgetReasons();
    await lists.learn();
    const series = await get("/api/v1/series");
    if (series && series.instance === instance) plots.setSamples(series.samples);
  },
  event(value) {
    events.add(value);
    drawn();
  },
  status(value) {
    status = value;
    events.setNodes(value.nodes.map((node) => node.name));
    drawPair(value, levers.unlocked() ? levers.pull : null);
    lists.setStatus(value);
    lists.refresh();
    document.body.classList.remove("away");
  },
  sample(value) {
    plots.addSample(value);
  },
};

function linked(word) {
  const link = byId("link");
  link.className = `link ${word}`;
  say(link, WORDS[word]);
  if (word !== "live") {
    document.body.classList.add("away");
    if (word === "away") say(byId("verdict").querySelector(".said"), "The front does not answer.");
    byId("verdict").className = "verdict unsure";
  }
  if (word === "locked") {
    setToken("");
    levers.unlock(changed, "This front is asked from another machine: reading needs its token too.");
  }
}

function changed() {
  const open = levers.unlocked();
  say(byId("lock"), open ? "Lock levers" : "Unlock levers");
  byId("lock").setAttribute("aria-pressed", String(open));
  if (status) drawPair(status, open ? levers.pull : null);
}

function toggleLock() {
  if (levers.unlocked()) levers.lock(changed);
  else levers.unlock(changed);
}

const THEMES = { auto: ["◐", "automatic"], light: ["☀", "light"], dark: ["☾", "dark"] };

function theme(name) {
  const chosen = THEMES[name] ? name : "auto";
  localStorage.setItem("sipfront.theme", chosen);
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  say(byId("theme"), THEMES[chosen][0]);
  byId("theme").setAttribute("aria-label", `Colours: ${THEMES[chosen][1]}`);
  plots.rebuild();
}

function nextTheme() {
  const names = Object.keys(THEMES);
  theme(names[(names.indexOf(localStorage.getItem("sipfront.theme") || "auto") + 1) % names.length]);
}

function switchOver() {
  if (!status) return;
  const target = status.nodes.find((node) => node.role !== "active" && node.mode === "in-service") || status.nodes.find((node) => node.role !== "active");
  if (!target) return;
  if (levers.unlocked()) levers.pull("switchover", target);
  else levers.unlock(() => { changed(); levers.pull("switchover", target); });
}

const KEYS = {
  1: () => lists.show("calls", true),
  2: () => lists.show("phones", true),
  3: () => lists.show("trunks", true),
  4: () => lists.show("counters", true),
  "/": () => { lists.show("phones"); byId("aor").focus(); },
  e: () => (byId("events").querySelector("button") || byId("events")).focus(),
  o: switchOver,
  l: toggleLock,
  t: nextTheme,
  "?": () => byId("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  // In a dialog that has just closed the focus lingers for a moment.
  const dialog = event.target.closest("dialog");
  const typing = dialog ? dialog.open : event.target.closest("input, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

function span(seconds) {
  for (const button of document.querySelectorAll("[data-span]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.span) === seconds));
  }
  plots.setSpan(seconds);
}

for (const button of document.querySelectorAll("[data-span]")) {
  button.addEventListener("click", () => span(Number(button.dataset.span)));
}
byId("lock").addEventListener("click", toggleLock);
byId("theme").addEventListener("click", nextTheme);
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("only-roles").addEventListener("change", events.draw);
new ResizeObserver(plots.resize).observe(byId("plots"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", plots.rebuild);

theme(localStorage.getItem("sipfront.theme") || "auto");
span(300);
lists.begin(showCall, showPhone);
changed();
put(byId("foot"), "The same, for scripts: ", Object.assign(document.createElement("a"), { href: "/api/v1/openapi.json", textContent: "the API" }),
  " · on a terminal: sipfront status, explain, history, calls, trace");
follow((kind, value) => told[kind]?.(value), linked);
