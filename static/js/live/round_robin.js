// The views of all machines, a part of them each frame: visible machines at once, the others in turn.
import { machineView } from "./machine_view.js";
import { serverTime } from "./state.js";

const HIDDEN_PER_FRAME = 50;

export class RoundRobin {
  constructor(ids) {
    Object.assign(this, { ids, left: 0, index: 0, cache: new Map() });
  }

  /** Begin a round: every machine gets its turn once more, from the next frame on. */
  begin() {
    this.left = this.ids.length;
  }

  get isDone() {
    return this.left === 0;
  }

  /** The views, by id, of the visible machines and of a frame's part of the round. */
  views(state, visibleIds, nowMs) {
    const due = [...visibleIds];
    for (const end = this.left - Math.min(this.left, HIDDEN_PER_FRAME); this.left > end; this.left -= 1) {
      due.push(this.ids[this.index]);
      this.index = (this.index + 1) % this.ids.length;
    }
    const present = due.filter((id) => state.machines[id]);
    return Object.fromEntries(present.map((id) => [id, this.view(state, id, nowMs)]));
  }

  /** A machine's view stays the same object until the machine or the second changes: ages show no finer. */
  view(state, id, nowMs) {
    const machine = state.machines[id];
    const second = Math.floor(serverTime(state, nowMs) / 1000);
    const cached = this.cache.get(id);
    if (cached?.machine === machine && cached.second === second) return cached.view;
    const view = machineView(state, id, nowMs);
    this.cache.set(id, { machine, second, view });
    return view;
  }
}
