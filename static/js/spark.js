// The sparks of the tiles: loaded when a tile is first seen, then kept up by the readings.
// `Spark` is pure but for the steps it keeps.
import { effectiveTime } from "./state.js";

const ASK_AT_ONCE = 60;
const GATHER_MS = 100;
const SECONDS = 15;

export class Spark {
  /** `count` steps of `seconds`, in the plant's time; `gap` steps without a reading end the line. */
  constructor({ seconds = SECONDS, count = 60, gap = 1 } = {}) {
    Object.assign(this, { seconds, count, gap, steps: new Map() });
  }

  /** A reading's value in its step; steps are numbered from 1970. Whether it changes the picture. */
  add(ms, low, high = low) {
    if (low === null) return false;
    const number = Math.floor(ms / 1000 / this.seconds);
    const before = this.steps.get(number);
    if (before && before[0] <= low && high <= before[1]) return false;
    this.steps.set(number, before ? [Math.min(before[0], low), Math.max(before[1], high)] : [low, high]);
    return true;
  }

  /** An SVG path in a field of 60 x 20. */
  path(nowMs) {
    const first = Math.floor(nowMs / 1000 / this.seconds) - this.count + 1;
    for (const number of this.steps.keys()) if (number < first) this.steps.delete(number);
    const steps = [...this.steps].sort(([a], [b]) => a - b);
    const values = steps.flatMap(([, step]) => step);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const y = (value) => (high > low ? 18 - ((value - low) / (high - low)) * 16 : 10).toFixed(1);
    let [path, before] = ["", -Infinity];
    for (const [number, step] of steps) {
      const x = number - first;
      path += `${number - before > this.gap ? "M" : "L"}${x} ${y(step[0])}L${x} ${y(step[1])}`;
      before = number;
    }
    return path;
  }
}

export class Sparks {
  constructor(root) {
    this.url = root.dataset.sparks;
    [this.byRow, this.byTile] = [new Map(), new Map()];
    this.wanted = new Set();
    for (const node of root.querySelectorAll("[data-spark]")) {
      const tile = node.closest("[data-tile]");
      const row = `${tile.dataset.tile}/${node.dataset.spark}`;
      const gap = Math.max(1, Math.ceil(Number(node.dataset.staleSeconds) / SECONDS));
      const one = { row, tile, path: node.firstElementChild, spark: new Spark({ gap }), isLoaded: false, isDirty: false };
      this.byRow.set(row, one);
      this.byTile.set(tile, one);
    }
  }

  /** Load what these tiles show, when it is for the first time. */
  see(tiles) {
    const fresh = tiles.map((tile) => this.byTile.get(tile)).filter((one) => one && !one.isLoaded);
    fresh.forEach(({ row }) => this.wanted.add(row));
    if (this.wanted.size) this.timer ??= setTimeout(() => this.load(), GATHER_MS);
  }

  async load() {
    const rows = [...this.wanted].slice(0, ASK_AT_ONCE);
    rows.forEach((row) => this.wanted.delete(row));
    this.timer = this.wanted.size ? setTimeout(() => this.load(), GATHER_MS) : undefined;
    const query = new URLSearchParams(rows.map((row) => ["row", row]));
    const answer = await fetch(`${this.url}?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
    // A spark is an extra: without an answer it grows from the readings that come.
    if (answer?.ok && !answer.redirected) this.take(await answer.json());
  }

  take({ start, step_seconds: seconds, rows }) {
    for (const [row, steps] of Object.entries(rows)) {
      const one = this.byRow.get(row);
      one.isLoaded = one.isDirty = true;
      for (const [number, low, high] of steps) one.spark.add(Date.parse(start) + number * seconds * 1000, low, high);
    }
  }

  add(readings) {
    for (const reading of readings) {
      const one = this.byRow.get(`${reading.machine_id}/${reading.sensor_type}`);
      if (!one) continue;
      if (one.spark.add(Date.parse(effectiveTime(reading)), reading.value)) one.isDirty = true;
    }
  }

  /** Draw those of the tiles in sight that readings have changed. */
  draw(nowMs, sight) {
    for (const one of this.byRow.values()) {
      if (!one.isDirty || !sight.has(one.tile)) continue;
      one.isDirty = false;
      one.path.setAttribute("d", one.spark.path(nowMs));
    }
  }
}
