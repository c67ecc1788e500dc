// The sparklines of the tiles: loaded when a tile first becomes visible, then kept up by readings.
// `Spark` is pure except for its buckets.
import { effectiveTime } from "../live/state.js";

const MAX_ROWS = 60;
const GATHER_MS = 100;

export class Spark {
  /** `count` buckets in the plant's time; more than `gap` buckets without a reading end the line. */
  constructor({ bucketSeconds, count, gap = 1 }) {
    Object.assign(this, { bucketSeconds, count, gap, buckets: new Map() });
  }

  /** Add a value, or a bucket's lowest and highest, at a moment; return whether the picture changes. */
  add(ms, low, high = low) {
    if (low === null) return false;
    const number = Math.floor(ms / 1000 / this.bucketSeconds);
    const before = this.buckets.get(number);
    if (before && before[0] <= low && high <= before[1]) return false;
    this.buckets.set(number, before ? [Math.min(before[0], low), Math.max(before[1], high)] : [low, high]);
    return true;
  }

  /** An SVG path in a field of `count` x 20. */
  path(nowMs) {
    const first = Math.floor(nowMs / 1000 / this.bucketSeconds) - this.count + 1;
    for (const number of this.buckets.keys()) if (number < first) this.buckets.delete(number);
    const buckets = [...this.buckets].sort(([a], [b]) => a - b);
    const values = buckets.flatMap(([, bucket]) => bucket);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const y = (value) => (high > low ? 18 - ((value - low) / (high - low)) * 16 : 10).toFixed(1);
    let [path, before] = ["", -Infinity];
    for (const [number, bucket] of buckets) {
      const x = number - first;
      path += `${number - before > this.gap ? "M" : "L"}${x} ${y(bucket[0])}L${x} ${y(bucket[1])}`;
      before = number;
    }
    return path;
  }
}

export class Sparks {
  /** `root` carries data-sparks (the address), data-spark-buckets and data-spark-bucket-seconds. */
  constructor(root) {
    const [count, bucketSeconds] = [Number(root.dataset.sparkBuckets), Number(root.dataset.sparkBucketSeconds)];
    this.url = root.dataset.sparks;
    [this.byRow, this.byTile] = [new Map(), new Map()];
    this.pendingRows = new Set();
    for (const node of root.querySelectorAll("[data-spark]")) {
      const tile = node.closest("[data-tile]");
      const row = `${tile.dataset.tile}/${node.dataset.spark}`;
      const gap = Math.max(1, Math.ceil(Number(node.dataset.staleSeconds) / bucketSeconds));
      const entry = { row, tile, path: node.firstElementChild, spark: new Spark({ bucketSeconds, count, gap }), isLoaded: false, isDirty: false };
      this.byRow.set(row, entry);
      this.byTile.set(tile, entry);
    }
  }

  /** Load the sparks of tiles that are visible for the first time. */
  loadFor(tiles) {
    const unloaded = tiles.map((tile) => this.byTile.get(tile)).filter((entry) => entry && !entry.isLoaded);
    unloaded.forEach(({ row }) => this.pendingRows.add(row));
    if (this.pendingRows.size) this.timer ??= setTimeout(() => this.load(), GATHER_MS);
  }

  async load() {
    const rows = [...this.pendingRows].slice(0, MAX_ROWS);
    rows.forEach((row) => this.pendingRows.delete(row));
    this.timer = this.pendingRows.size ? setTimeout(() => this.load(), GATHER_MS) : undefined;
    const query = new URLSearchParams(rows.map((row) => ["row", row]));
    const response = await fetch(`${this.url}?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
    // A spark is an extra: without a response it grows from live readings.
    if (response?.ok && !response.redirected) this.addBuckets(await response.json());
  }

  addBuckets({ start, step_seconds: bucketSeconds, rows }) {
    for (const [row, buckets] of Object.entries(rows)) {
      const entry = this.byRow.get(row);
      entry.isLoaded = entry.isDirty = true;
      for (const [number, low, high] of buckets) entry.spark.add(Date.parse(start) + number * bucketSeconds * 1000, low, high);
    }
  }

  add(readings) {
    for (const reading of readings) {
      const entry = this.byRow.get(`${reading.machine_id}/${reading.sensor_type}`);
      if (!entry) continue;
      if (entry.spark.add(Date.parse(effectiveTime(reading)), reading.value)) entry.isDirty = true;
    }
  }

  /** Draw the changed sparks of visible tiles. */
  draw(nowMs, visibleTiles) {
    for (const entry of this.byRow.values()) {
      if (!entry.isDirty || !visibleTiles.has(entry.tile)) continue;
      entry.isDirty = false;
      entry.path.setAttribute("d", entry.spark.path(nowMs));
    }
  }
}
