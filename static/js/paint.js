// The only one that writes the page: only what changed, a few tiles a frame; CSS does the looks.
import { attribute, labelOf, paintSensor, text } from "./paint_sensor.js";
import { Round } from "./round.js";
import { feedText, qualityNote } from "./sentences.js";
import { serverTime } from "./state.js";

const TICK_MS = 1000;
// Messages come by the dozen in a second; what they bring is painted together.
const GATHER_MS = 100;
// A tile costs a slow computer 1 to 3 ms: a frame paints so many, so that no key waits for it; fewer
// while the page has work of its own.
const [AT_ONCE, BESIDE] = [8, 2];

/**
 * Paints `read()`, the newest state: in the next frame after `soon()`, within GATHER_MS after
 * `gather()`, and once a second for the ages. `extra(at, state, looks)`, whether it has more to do,
 * gets the looks of the machines in sight; of the others when it is their turn: each once a second.
 */
export function painter(root, read, { sight, extra = () => {} }) {
  const page = indexed(root, sight);
  const round = new Round(page.tiles.map((tile) => tile.id));
  let [frame, timer, paintedAt] = [0, 0, -Infinity];
  const paint = () => {
    frame = 0;
    const at = performance.now();
    paintedAt = at;
    const state = read();
    paintFeed(page, state, at);
    const near = page.tiles.filter(({ isTile, node }) => !isTile || sight.has(node));
    const looks = round.looks(state, near.map(({ id }) => id), at);
    const isBusy = extra(at, state, looks);
    const isDone = paintTiles(near, looks, { at, most: isBusy ? BESIDE : AT_ONCE });
    if (isBusy || !isDone || !round.isOver) soon();
  };
  // A hidden page gets no frames: it rests until it is looked at.
  const soon = () => { frame ||= requestAnimationFrame(paint); };
  const gather = () => { timer ||= setTimeout(() => { timer = 0; soon(); }, Math.max(0, paintedAt + GATHER_MS - performance.now())); };
  const all = () => { round.begin(); soon(); };
  setInterval(() => document.hidden || all(), TICK_MS);
  document.addEventListener("visibilitychange", all);
  sight.onSeen(soon);
  return { soon, gather, all };
}

function indexed(root, sight) {
  const all = (selector, from = root) => [...from.querySelectorAll(selector)];
  const rows = byMachine(all("[data-row]").map(row));
  return {
    root,
    sight,
    banner: document.querySelector("[data-part=banner]"),
    live: document.querySelector("[data-part=live]"),
    plain: document.querySelector("[data-part=plain]"),
    clock: document.querySelector("[data-part=clock]"),
    tiles: all("[data-tile]").map((node) => tileOf(node, rows)),
  };
}

function tileOf(node, rows) {
  const id = node.dataset.tile;
  return { node, id, isTile: node.matches(".tile"), rows: rows.get(id) ?? [], paintedAt: 0, ...parts(node, ["connectivity", "worst", "seen"]) };
}

const parts = (node, names) => Object.fromEntries(names.map((name) => [name, node.querySelector(`[data-part=${name}]`)]));

function byMachine(rows) {
  const found = new Map();
  for (const one of rows) found.set(one.id, [...(found.get(one.id) ?? []), one]);
  return found;
}

function row(node) {
  const [id, name] = node.dataset.row.split("/");
  return { node, id, name, ...parts(node, ["value", "spot", "mark", "state", "quality", "age"]) };
}

/** Paints a frame's part of those whose look changed, the longest unpainted first; whether that was all. */
function paintTiles(near, looks, { at, most }) {
  const late = near.filter(({ id, look }) => looks[id] && looks[id] !== look).sort((a, b) => a.paintedAt - b.paintedAt);
  for (const tile of late.slice(0, most)) {
    Object.assign(tile, { look: looks[tile.id], paintedAt: at });
    paintMachine(tile, tile.look);
  }
  return late.length <= most;
}

function paintFeed(page, state, at) {
  const { root, banner, live, plain, clock } = page;
  shown(plain, false);
  attribute(root, "feed", state.feed);
  attribute(banner, "feed", state.feed);
  const now = serverTime(state, at);
  const sentence = feedText(state, now, clock.dataset.timeZone);
  text(banner, sentence);
  shown(banner, Boolean(sentence));
  shown(live, state.feed === "live");
  const second = Math.floor(now / 1000);
  if (page.second === second) return;
  page.second = second;
  text(clock, clockText(second * 1000, clock.dataset.timeZone));
}

function shown(node, isShown) {
  if (node.hidden === isShown) node.hidden = !isShown;
}

function paintMachine({ node, connectivity, worst, seen, rows }, look) {
  attribute(node, "connectivity", look.connectivity);
  attribute(node, "worst", look.worst);
  attribute(connectivity, "connectivity", look.connectivity);
  text(connectivity, look.connectivityWord);
  text(worst, qualityNote(look, (name) => labelOf(rows, name)));
  if (seen) text(seen, look.seen);
  for (const one of rows) if (look.sensors[one.name]) paintSensor(one, look.sensors[one.name]);
}

function clockText(ms, timeZone) {
  return new Date(ms).toLocaleString("sv-SE", { timeZone });
}
