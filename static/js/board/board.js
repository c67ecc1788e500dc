// The board's tiles: filtered, the most urgent first, a few tiles a frame.
import { matches } from "./filter.js";

// Showing a tile on the screen costs a layout of its own, off the screen nearly nothing: costs of one tile, and a frame's budget.
const [ON_SCREEN, OFF_SCREEN, BUDGET] = [8, 1, 32];

export class Board {
  constructor(root) {
    this.lines = [...root.querySelectorAll(".lines .line")].map((node) => ({ node, list: node.querySelector(".tiles"), moved: new Set() }));
    // Urgency and connectivity as the server rendered them, until the first update.
    this.machines = this.lines.flatMap((line) => [...line.list.children].map((node) => machineOf(node, line)));
    this.byId = new Map(this.machines.map((machine) => [machine.id, machine]));
    this.noMatch = root.querySelector("[data-part=none]");
    this.pending = [];
  }

  /** Take over machine views by id; return whether anything changed that filter or order depend on. */
  update(views) {
    let hasChanged = false;
    for (const [id, { urgency, connectivity }] of Object.entries(views)) {
      const machine = this.byId.get(id);
      if (!machine || (machine.urgency === urgency && machine.connectivity === connectivity)) continue;
      Object.assign(machine, { urgency, connectivity });
      machine.line.moved.add(machine);
      hasChanged = true;
    }
    return hasChanged;
  }

  /** Apply a filter from the next frame on: tiles appear from the top down, and disappear from the bottom up. */
  setFilter(criteria) {
    const pending = this.machines.filter((machine) => machine.node.hidden === matches(machine, criteria));
    const appearing = pending.filter(({ node }) => node.hidden);
    this.pending = [...appearing, ...pending.filter(({ node }) => !node.hidden).toReversed()];
    [this.lastShown, this.isBelow] = [null, false];
  }

  /** Show and hide a frame's part of the pending tiles; return whether there is more to do. */
  showNext() {
    if (!this.pending.length) return false;
    // Measured before anything is written. Once a shown tile lies below the screen, the following ones do too.
    this.isBelow ||= this.lastShown && !isLaidOut(this.lastShown);
    const costs = this.pending.slice(0, BUDGET).map(({ node }) => ((node.hidden ? !this.isBelow : isLaidOut(node)) ? ON_SCREEN : OFF_SCREEN));
    const touched = new Set();
    for (let cost = 0, index = 0; index < costs.length && cost < BUDGET; cost += costs[index], index += 1) {
      const { node, line } = this.pending.shift();
      node.hidden = !node.hidden;
      touched.add(line);
      if (!node.hidden) this.lastShown = node;
    }
    for (const { node, list } of touched) hide(node, ![...list.children].some((tile) => !tile.hidden));
    hide(this.noMatch, this.pending.length > 0 || this.lines.some(({ node }) => !node.hidden));
    return this.pending.length > 0;
  }

  /** Move the most urgent tiles to the front, except in a line under the pointer or with the focus. */
  sort() {
    const free = this.lines.filter(({ list, moved }) => moved.size && !list.matches(":hover, :focus-within"));
    for (const { list, moved } of free) {
      sortTiles(list, this.machines.filter(({ line }) => line.list === list), moved);
      moved.clear();
    }
  }
}

function machineOf(node, line) {
  const { tile: id, search, urgency, connectivity } = node.dataset;
  return { node, line, id, search, connectivity, urgency: Number(urgency) };
}

/** Return whether the browser has laid out the tile's contents: it is on the screen or near it. */
function isLaidOut(node) {
  return node.firstElementChild.checkVisibility({ contentVisibilityAuto: true });
}

function hide(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

/** Move only the changed tiles: every moved tile costs a layout. */
function sortTiles(list, machines, moved) {
  machines.sort((a, b) => a.urgency - b.urgency || (a.id < b.id ? -1 : 1));
  let next = null;
  for (const machine of machines.toReversed()) {
    if (moved.has(machine) && machine.node.nextElementSibling !== next) list.insertBefore(machine.node, next);
    next = machine.node;
  }
}
