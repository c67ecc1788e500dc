// The looks of all machines, a part of them a frame: those in sight at once, the others in turn.
import { machineLook } from "./look.js";
import { serverTime } from "./state.js";

// So many of those that nobody sees.
const AT_ONCE = 50;

export class Round {
  constructor(ids) {
    Object.assign(this, { ids, left: 0, turn: 0, known: new Map() });
  }

  /** Every machine has its turn once more, from the next frame on. */
  begin() {
    this.left = this.ids.length;
  }

  get isOver() {
    return this.left === 0;
  }

  /** The looks, by id, of the machines `near` and of a frame's part of the round. */
  looks(state, near, at) {
    const due = [...near];
    for (const end = this.left - Math.min(this.left, AT_ONCE); this.left > end; this.left -= 1) {
      due.push(this.ids[this.turn]);
      this.turn = (this.turn + 1) % this.ids.length;
    }
    const known = due.filter((id) => state.machines[id]);
    return Object.fromEntries(known.map((id) => [id, this.look(state, id, at)]));
  }

  /** A machine's look is the same until it changes or the second does: ages show no less. */
  look(state, id, at) {
    const machine = state.machines[id];
    const second = Math.floor(serverTime(state, at) / 1000);
    const before = this.known.get(id);
    if (before?.machine === machine && before.second === second) return before.look;
    const look = machineLook(state, id, at);
    this.known.set(id, { machine, second, look });
    return look;
  }
}
