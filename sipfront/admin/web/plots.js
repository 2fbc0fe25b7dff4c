// Rates and times as plots, and the states of the nodes as ribbons, over the last minutes.

import { byId, colour, el, milliseconds, moment, put, svg } from "./dom.js";

const KEPT = 900;
const YOUNG = 45; // seconds that are shown at least
const STATES = ["up", "suspect", "overloaded", "down", "unknown"];
const LINES = ["line-a", "line-b", "line-c", "line-d"];

let samples = [];
let turns = []; // changes of role: {at, kind}
let span = 300;
let plots = [];
let names = "";

/** All samples anew: at the beginning, and when the front was restarted. */
export function setSamples(all) {
  samples = all.slice(-KEPT);
  draw();
}

export function addSample(sample) {
  if (samples.length && sample.at <= samples[samples.length - 1].at) return;
  samples.push(sample);
  if (samples.length > KEPT) samples.shift();
  draw();
}

export function setTurns(events) {
  turns = events.filter((event) => ["failover", "switch-over", "fail-back", "drain"].includes(event.event));
}

export function setSpan(seconds) {
  span = seconds;
  draw();
}

/** The colours have changed, or the width. */
export function rebuild() {
  for (const { plot } of plots) plot.destroy();
  plots = [];
  names = "";
  draw();
}

const count = (value) => (value === null || value === undefined ? "–" : String(Math.round(value)));
const rate = (value) => (value === null || value === undefined ? "–" : `${value.toFixed(1)}/s`);

function kinds(nodes) {
  return [
    { title: "Calls up", lines: [{ label: "calls", of: (s) => s.calls, tone: "line-a", fill: true, show: count }] },
    { title: "Calls answered", unit: "a second", lines: [
      { label: "answered", of: (s) => s.answered, tone: "line-a", show: rate },
      { label: "busy, given up", of: (s) => s.refused || null, tone: "line-c", dots: true, show: (value) => rate(value ?? 0) },
      { label: "failed", of: (s) => s.failed || null, tone: "bad", dots: true, show: (value) => rate(value ?? 0) },
    ] },
    { title: "Until the caller hears something", unit: "ms", lines: [
      { label: "median", of: (s) => s.setup_ms, tone: "line-a", show: milliseconds },
      { label: "longest", of: (s) => s.setup_max_ms, tone: "line-c", dots: true, show: milliseconds },
    ] },
    { title: "Answer to OPTIONS", unit: "ms", lines: nodes.map((name, index) => (
      { label: name, of: (s) => s.nodes[name]?.rtt_ms, tone: LINES[index % LINES.length], show: milliseconds })) },
  ];
}

function draw() {
  if (!samples.length || !window.uPlot) return;
  const nodes = Object.keys(samples[samples.length - 1].nodes);
  if (names !== nodes.join()) build(nodes);
  const end = samples[samples.length - 1].at;
  // What was not lived through takes no room: a young front fills the width.
  const width = Math.min(span, Math.max(YOUNG, end - samples[0].at));
  const shown = samples.filter((sample) => sample.at >= end - width);
  const xs = withGaps(shown);
  for (const { plot, lines } of plots) {
    plot.batch(() => {
      plot.setData([xs.map((sample) => sample.at), ...lines.map((line) => xs.map((s) => (s.gap ? null : line.of(s) ?? null)))], false);
      plot.setScale("x", { min: end - width, max: end });
      if (plot.cursor.left < 0) plot.setLegend({ idx: xs.length - 1 }, false);
    });
  }
  ribbons(nodes, shown, end, width);
}

/** A row of nothing wherever seconds are missing: the front was away. */
function withGaps(shown) {
  const rows = [];
  shown.forEach((sample, index) => {
    if (index && sample.at - shown[index - 1].at > 3.5) rows.push({ at: shown[index - 1].at + 1, gap: true });
    rows.push(sample);
  });
  return rows;
}

function build(nodes) {
  names = nodes.join();
  for (const { plot } of plots) plot.destroy();
  const place = byId("plots");
  place.replaceChildren();
  const sync = window.uPlot.sync("front");
  plots = kinds(nodes).map((kind) => {
    const box = el("figure", { class: "plot" }, el("figcaption", null, kind.title, kind.unit ? el("span", null, ` ${kind.unit}`) : null));
    place.append(box);
    const plot = new window.uPlot(options(kind, sync), null, box);
    return { plot, lines: kind.lines, box };
  });
  resize();
}

function options(kind, sync) {
  const axis = { stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width: 300,
    height: 150,
    padding: [8, 8, 0, 0],
    cursor: { sync: { key: sync.key }, drag: { x: false, y: false }, points: { size: 6 } },
    legend: { live: true, markers: { width: 0, fill: (_, index) => (index ? colour(kind.lines[index - 1].tone) : "") } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(niceTop(high), kind.unit === "ms" ? 5 : 1)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 26, values: (_, all) => all.map((at) => moment(at).slice(0, 8)) },
      { ...axis, size: 44, space: 34 },
    ],
    series: [{ value: (_, at) => (at === null ? "" : moment(at).slice(0, 8)), label: "at" }, ...kind.lines.map(line)],
    hooks: { drawAxes: [marks] },
  };
}

function niceTop(high) {
  return high === null || high === undefined ? 1 : high * 1.15;
}

function line({ label, tone, fill, dots, show }) {
  const stroke = colour(tone);
  return {
    label,
    stroke,
    width: dots ? 0 : 2,
    fill: fill ? `${stroke}22` : undefined,
    points: dots ? { show: true, size: 5, fill: stroke, stroke, width: 0 } : { show: false },
    spanGaps: false,
    value: (_, value) => show(value),
  };
}

/** A vertical line at each change of role. */
function marks(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = Math.max(1, devicePixelRatio);
  for (const turn of turns) {
    if (turn.at < plot.scales.x.min || turn.at > plot.scales.x.max) continue;
    const x = Math.round(plot.valToPos(turn.at, "x", true));
    ctx.strokeStyle = colour(turn.event === "failover" ? "bad" : "accent");
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

export function resize() {
  for (const { plot, box } of plots) plot.setSize({ width: Math.max(200, box.clientWidth), height: 150 });
}

/** One strip for each node: its state by colour, and thick while it is active. */
function ribbons(nodes, shown, end, width) {
  put(byId("ribbons"), nodes.map((name) => {
    const runs = [];
    shown.forEach((sample, index) => {
      const node = sample.nodes[name];
      if (!node) return;
      const key = `${node.state}${node.active}`;
      const last = runs[runs.length - 1];
      const until = sample.at + 1;
      if (last && last.key === key && sample.at - shown[index - 1].at < 3.5) last.until = until;
      else runs.push({ key, state: STATES[node.state] || "unknown", active: node.active, from: sample.at, until });
    });
    const place = (at) => (100 * (at - (end - width))) / width;
    return el("div", { class: "ribbon" }, el("span", null, name),
      svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": told(name, runs) },
        runs.map((run) => svg("rect", {
          x: Math.max(0, place(run.from)), width: Math.max(0.15, place(run.until) - Math.max(0, place(run.from))),
          y: run.active ? 0 : 3, height: run.active ? 10 : 4, class: `s-${run.state} ${run.active ? "on" : ""}`,
        }))));
  }));
}

function told(name, runs) {
  const parts = runs.slice(-6).map((run) => `${run.state}${run.active ? ", active" : ""} from ${moment(run.from).slice(0, 8)}`);
  return `${name}: ${parts.join("; ")}`;
}
