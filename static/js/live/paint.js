// The painter, the only writer of live values: only changes, a few tiles a frame; CSS decides the looks.
import { attribute, labelOf, paintSensor, text } from "./paint_sensor.js";
import { RoundRobin } from "./round_robin.js";
import { feedText, qualityNote } from "./sentences.js";
import { serverTime } from "./state.js";

const TICK_MS = 1000;
// Messages arrive by the dozen in a second: their changes are painted together.
const GATHER_MS = 100;
// A tile costs a slow computer 1 to 3 ms: so many a frame, so that no key waits for it; fewer while
// the page has other work.
const [TILES_PER_FRAME, TILES_WHILE_BUSY] = [8, 2];

/**
 * Paint `readState()`: in the next frame after `paintNext()`, within GATHER_MS after `paintSoon()`,
 * and all machines once a second for their ages. `onFrame(nowMs, state, views)` gets the views of the
 * visible machines, and of the others once a second in turn; it returns whether it has more to do.
 */
export function painter(root, readState, { visibleTiles, onFrame = () => {} }) {
  const page = partsOf(root);
  const round = new RoundRobin(page.tiles.map((tile) => tile.id));
  let [frame, timer, paintedAt] = [0, 0, -Infinity];
  const paint = () => {
    frame = 0;
    const nowMs = performance.now();
    paintedAt = nowMs;
    const state = readState();
    paintFeed(page, state, nowMs);
    const visible = page.tiles.filter(({ isTile, node }) => !isTile || visibleTiles.has(node));
    const views = round.views(state, visible.map(({ id }) => id), nowMs);
    const isBusy = onFrame(nowMs, state, views);
    const isDone = paintTiles(visible, views, { nowMs, limit: isBusy ? TILES_WHILE_BUSY : TILES_PER_FRAME });
    if (isBusy || !isDone || !round.isDone) paintNext();
  };
  // A hidden page gets no frames: it rests until it is visible again.
  const paintNext = () => { frame ||= requestAnimationFrame(paint); };
  const paintSoon = () => { timer ||= setTimeout(() => { timer = 0; paintNext(); }, Math.max(0, paintedAt + GATHER_MS - performance.now())); };
  const paintAll = () => { round.begin(); paintNext(); };
  setInterval(() => document.hidden || paintAll(), TICK_MS);
  document.addEventListener("visibilitychange", paintAll);
  visibleTiles.onAppear(paintNext);
  return { paintNext, paintSoon, paintAll };
}

function partsOf(root) {
  const part = (name) => document.querySelector(`[data-part=${name}]`);
  const rows = byMachine([...root.querySelectorAll("[data-row]")].map(rowOf));
  const tiles = [...root.querySelectorAll("[data-tile]")].map((node) => tileOf(node, rows));
  return { root, banner: part("banner"), live: part("live"), plain: part("plain"), clock: part("clock"), tiles };
}

function tileOf(node, rows) {
  const id = node.dataset.tile;
  return { node, id, isTile: node.matches(".tile"), rows: rows.get(id) ?? [], paintedAt: 0, ...childParts(node, ["connectivity", "worst", "seen"]) };
}

const childParts = (node, names) => Object.fromEntries(names.map((name) => [name, node.querySelector(`[data-part=${name}]`)]));

function byMachine(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.id, [...(groups.get(row.id) ?? []), row]);
  return groups;
}

function rowOf(node) {
  const [id, name] = node.dataset.row.split("/");
  return { node, id, name, ...childParts(node, ["value", "spot", "mark", "state", "quality", "age"]) };
}

/** Paint a frame's part of the tiles whose view changed, the longest unpainted first; return whether that was all. */
function paintTiles(tiles, views, { nowMs, limit }) {
  const changed = tiles.filter(({ id, view }) => views[id] && views[id] !== view).sort((a, b) => a.paintedAt - b.paintedAt);
  for (const tile of changed.slice(0, limit)) {
    Object.assign(tile, { view: views[tile.id], paintedAt: nowMs });
    paintMachine(tile, tile.view);
  }
  return changed.length <= limit;
}

function paintFeed(page, state, nowMs) {
  const { root, banner, live, plain, clock } = page;
  setVisible(plain, false);
  attribute(root, "feed", state.feed);
  attribute(banner, "feed", state.feed);
  const serverMs = serverTime(state, nowMs);
  const sentence = feedText(state, serverMs, clock.dataset.timeZone);
  text(banner, sentence);
  setVisible(banner, Boolean(sentence));
  setVisible(live, state.feed === "live");
  const second = Math.floor(serverMs / 1000);
  if (page.second === second) return;
  page.second = second;
  text(clock, new Date(second * 1000).toLocaleString("sv-SE", { timeZone: clock.dataset.timeZone }));
}

function setVisible(node, isVisible) {
  if (node.hidden === isVisible) node.hidden = !isVisible;
}

function paintMachine({ node, connectivity, worst, seen, rows }, view) {
  attribute(node, "connectivity", view.connectivity);
  attribute(node, "worst", view.worst);
  attribute(connectivity, "connectivity", view.connectivity);
  text(connectivity, view.connectivityWord);
  text(worst, qualityNote(view, (name) => labelOf(rows, name)));
  if (seen) text(seen, view.seen);
  for (const row of rows) if (view.sensors[row.name]) paintSensor(row, view.sensors[row.name]);
}
