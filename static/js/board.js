// The board's tiles: shown as the filter wants, those that need someone first, sparks where seen.
import { matches } from "./filter.js";

// A tile that comes onto the screen costs a layout of its own, one off it next to nothing: so much in one frame.
const [ON_SCREEN, OFF_SCREEN, AT_ONCE] = [8, 1, 32];

export class Board {
  constructor(root) {
    this.lines = [...root.querySelectorAll(".lines .line")].map((node) => ({ node, list: node.querySelector(".tiles"), moved: new Set() }));
    // What the filter asks about, as the server saw it until the first look.
    this.machines = this.lines.flatMap((line) => [...line.list.children].map((node) => machineOf(node, line)));
    this.byId = new Map(this.machines.map((machine) => [machine.id, machine]));
    this.none = root.querySelector("[data-part=none]");
    this.late = [];
  }

  /** Takes looks by machine; whether one changed that filter or order ask about. */
  update(looks) {
    let hasChanged = false;
    for (const [id, { urgency, connectivity }] of Object.entries(looks)) {
      const machine = this.byId.get(id);
      if (!machine || (machine.urgency === urgency && machine.connectivity === connectivity)) continue;
      Object.assign(machine, { urgency, connectivity });
      machine.line.moved.add(machine);
      hasChanged = true;
    }
    return hasChanged;
  }

  /** Show what is wanted, from the next frame on: what comes from the top, what goes from the bottom. */
  ask(wanted) {
    const late = this.machines.filter((machine) => machine.node.hidden === matches(machine, wanted));
    const coming = late.filter(({ node }) => node.hidden);
    this.late = [...coming, ...late.filter(({ node }) => !node.hidden).toReversed()];
    [this.came, this.isBelow] = [null, false];
  }

  /** A frame's part of what was asked; whether there is more to do. */
  show() {
    if (!this.late.length) return false;
    // Asked before anything is written. Where one that came lies below the screen, what follows does too.
    this.isBelow ||= this.came && !isLaidOut(this.came);
    const costs = this.late.slice(0, AT_ONCE).map(({ node }) => ((node.hidden ? !this.isBelow : isLaidOut(node)) ? ON_SCREEN : OFF_SCREEN));
    const touched = new Set();
    for (let cost = 0, at = 0; at < costs.length && cost < AT_ONCE; cost += costs[at], at += 1) {
      const { node, line } = this.late.shift();
      node.hidden = !node.hidden;
      touched.add(line);
      if (!node.hidden) this.came = node;
    }
    for (const { node, list } of touched) hide(node, ![...list.children].some((tile) => !tile.hidden));
    hide(this.none, this.late.length > 0 || this.lines.some(({ node }) => !node.hidden));
    return this.late.length > 0;
  }

  /** Those that need someone first, but nothing moves under a hand: not while it is in use. */
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

/** Whether the browser has its contents ready: those of tiles on the screen and near it. */
function isLaidOut(node) {
  return node.firstElementChild.checkVisibility({ contentVisibilityAuto: true });
}

function hide(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

/** Moves those that changed, no others: each that moves is laid out anew. */
function sortTiles(list, machines, moved) {
  machines.sort((a, b) => a.urgency - b.urgency || (a.id < b.id ? -1 : 1));
  let next = null;
  for (const machine of machines.toReversed()) {
    if (moved.has(machine) && machine.node.nextElementSibling !== next) list.insertBefore(machine.node, next);
    next = machine.node;
  }
}
