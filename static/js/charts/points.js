// A sensor's readings for its chart, one by one. Pure except for its list: sorted, bounded, unique.
import { shadedRanges } from "./shading.js";

const MAX_POINTS = 5000;

/** [{t, x, y, quality}] by measured time: t its text (the identity), x seconds, y or null. */
export class Points {
  constructor({ windowSeconds, maxPoints = MAX_POINTS }) {
    Object.assign(this, { windowSeconds, maxPoints, list: [] });
  }

  /** Insert a reading; false when that moment is already there. */
  add({ timestamp, value, quality }) {
    const index = this.indexFor(timestamp);
    if (this.list[index]?.t === timestamp) return false;
    const point = { t: timestamp, x: seconds(timestamp), y: value, quality };
    this.list.splice(index, 0, point);
    return true;
  }

  /** The first index whose time is not before `timestamp`: the end for nearly every reading. */
  indexFor(timestamp) {
    let [low, high] = [0, this.list.length];
    if (high && this.list[high - 1].t < timestamp) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.list[middle].t < timestamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Drop the points that left the window, and the oldest beyond the bound. */
  trim(nowSeconds) {
    const from = nowSeconds - this.windowSeconds;
    let old = Math.max(0, this.list.length - this.maxPoints);
    // The last point before the window stays, so that the line enters from the left.
    while (old + 1 < this.list.length && this.list[old + 1].x < from) old += 1;
    if (old) this.list.splice(0, old);
  }

  /** uPlot's columns [x, value, doubtful, low, high]; null between points more than `gapSeconds` apart. */
  columns(gapSeconds) {
    const [xs, ys, marks] = [[], [], []];
    let before = null;
    for (const { x, y, quality } of this.list) {
      if (before !== null && x - before > gapSeconds) {
        xs.push((before + x) / 2);
        ys.push(null);
        marks.push(null);
      }
      xs.push(x);
      ys.push(y);
      marks.push(quality === "good" ? null : y);
      before = x;
    }
    const none = xs.map(() => null);
    return [xs, ys, marks, none, none];
  }

  get count() {
    return this.list.length;
  }

  shadedRanges(gapSeconds, nowSeconds) {
    const items = this.list.map(({ x, quality }) => ({ x0: x, x1: x, quality }));
    return shadedRanges(items, gapSeconds, nowSeconds);
  }
}

/** Seconds since 1970, with the microseconds that Date.parse cuts. */
export function seconds(timestamp) {
  return Math.floor(Date.parse(timestamp) / 1000) + Number(`0.${timestamp.slice(20, -1) || 0}`);
}
