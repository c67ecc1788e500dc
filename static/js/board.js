// The board's tiles: shown as the filter wants, those that need someone first, sparks where seen.
import { matches } from "./filter.js";

// So many tiles come and go in one frame: 500 at once would hold up what is typed.
const AT_ONCE = 20;

export class Board {
  constructor(root) {
    this.lines = [...root.querySelectorAll(".lines .line")].map((node) => ({ node, list: node.querySelector(".tiles") }));
    // What the filter asks about; urgency and connectivity come with the first look.
    this.machines = [...root.querySelectorAll(".lines [data-tile]")].map((node) => ({ node, id: node.dataset.tile, search: node.dataset.search }));
    this.none = root.querySelector("[data-part=none]");
    this.isSorted = true;
    this.asked = [];
  }

  /** Takes the looks by machine; whether one changed that filter or order ask about. */
  update(looks) {
    let hasChanged = false;
    for (const machine of this.machines) {
      const { urgency, connectivity } = looks[machine.id];
      if (machine.urgency === urgency && machine.connectivity === connectivity) continue;
      Object.assign(machine, { urgency, connectivity });
      hasChanged = true;
    }
    if (hasChanged) this.isSorted = false;
    return hasChanged;
  }

  /** Show what is wanted, from the next frame on. */
  ask(wanted) {
    this.wanted = wanted;
    this.asked = [...this.machines];
  }

  /** A frame's part of what was asked; whether there is more to do. */
  show() {
    if (!this.asked.length) return false;
    const late = this.asked.filter(({ node, ...machine }) => node.hidden === matches(machine, this.wanted));
    late.slice(0, AT_ONCE).forEach(({ node }) => { node.hidden = !node.hidden; });
    this.asked = late.slice(AT_ONCE);
    for (const { node, list } of this.lines) hide(node, ![...list.children].some((tile) => !tile.hidden));
    hide(this.none, this.asked.length > 0 || this.lines.some(({ node }) => !node.hidden));
    return this.asked.length > 0;
  }

  /** Those that need someone first, but nothing moves under a hand: not while it is in use. */
  sort() {
    if (this.isSorted) return;
    const free = this.lines.filter(({ list }) => !list.matches(":hover, :focus-within"));
    free.forEach(({ list }) => sortTiles(list));
    this.isSorted = free.length === this.lines.length;
  }
}

function hide(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

function sortTiles(list) {
  const tiles = [...list.children].map((node) => ({ node, turn: Number(node.dataset.urgency), id: node.dataset.tile }));
  const sorted = tiles.toSorted((a, b) => a.turn - b.turn || (a.id < b.id ? -1 : 1));
  if (sorted.some((tile, at) => tile !== tiles[at])) list.append(...sorted.map(({ node }) => node));
}
