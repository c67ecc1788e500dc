// The only one that writes the page: one frame per update, only what changed; CSS does the looks.
import { feedText, machineLook } from "./look.js";
import { attribute, paintSensor, text } from "./paint_sensor.js";
import { serverTime } from "./state.js";

const TICK_MS = 1000;

/** Paints `read()`, the newest state, when `soon()` was called, and once a second for the ages. */
export function painter(root, read, { sight, extra = () => {} }) {
  const page = indexed(root, sight);
  let frame = 0;
  const paint = () => {
    frame = 0;
    const at = performance.now();
    const looks = paintAll(page, read(), at);
    extra(at, read(), looks);
  };
  // A hidden page gets no frames: it rests until it is looked at.
  const soon = () => { frame ||= requestAnimationFrame(paint); };
  setInterval(() => document.hidden || soon(), TICK_MS);
  document.addEventListener("visibilitychange", soon);
  sight.onSeen(soon);
  return soon;
}

function indexed(root, sight) {
  const all = (selector, from = root) => [...from.querySelectorAll(selector)];
  return {
    root,
    sight,
    known: new Map(),
    banner: document.querySelector("[data-part=banner]"),
    live: document.querySelector("[data-part=live]"),
    plain: document.querySelector("[data-part=plain]"),
    clock: document.querySelector("[data-part=clock]"),
    tiles: all("[data-tile]").map((node) => ({ node, id: node.dataset.tile, isTile: node.matches(".tile"), ...parts(node, ["connectivity", "worst", "seen"]) })),
    rows: byMachine(all("[data-row]").map(row)),
  };
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

/** Paints what is on the screen: a tile off it rests. Gives the looks of all machines by id. */
function paintAll(page, state, at) {
  const looks = Object.fromEntries(Object.keys(state.machines).map((id) => [id, lookOf(page.known, state, id, at)]));
  paintFeed(page, state, at);
  for (const tile of page.tiles) {
    const look = looks[tile.id];
    if (look) attribute(tile.node, "urgency", String(look.urgency));
    if (!look || tile.painted === look || (tile.isTile && !page.sight.has(tile.node))) continue;
    tile.painted = look;
    paintMachine(tile, look, page.rows.get(tile.id) ?? []);
  }
  return looks;
}

/** A machine's look is the same until it changes or the second does: ages show no less. */
function lookOf(known, state, id, at) {
  const machine = state.machines[id];
  const second = Math.floor(serverTime(state, at) / 1000);
  const before = known.get(id);
  if (before?.machine === machine && before.second === second) return before.look;
  const look = machineLook(state, id, at);
  known.set(id, { machine, second, look });
  return look;
}

function paintFeed({ root, banner, live, plain, clock }, state, at) {
  plain.hidden = true;
  attribute(root, "feed", state.feed);
  attribute(banner, "feed", state.feed);
  const sentence = feedText(state);
  text(banner, sentence);
  banner.hidden = !sentence;
  live.hidden = state.feed !== "live";
  text(clock, clockText(serverTime(state, at), clock.dataset.timeZone));
}

function paintMachine({ node, connectivity, worst, seen }, look, rows) {
  attribute(node, "connectivity", look.connectivity);
  attribute(node, "worst", look.worst);
  attribute(connectivity, "connectivity", look.connectivity);
  text(connectivity, look.connectivityWord);
  text(worst, look.worstWord);
  if (seen) text(seen, look.seen);
  for (const one of rows) if (look.sensors[one.name]) paintSensor(one, look.sensors[one.name]);
}

function clockText(ms, timeZone) {
  return new Date(ms).toLocaleString("sv-SE", { timeZone });
}
