// A sensor's hours for its chart, in steps: lowest and highest of each. Pure but for the map it
// keeps. Repeats and any order give the same, so that live readings go into what was loaded.
import { seconds } from "./points.js";
import { spansOf, worse } from "./spans.js";

export class Steps {
  constructor({ windowSeconds, stepSeconds }) {
    Object.assign(this, { windowSeconds, stepSeconds, steps: new Map() });
  }

  get count() {
    return this.steps.size;
  }

  add({ timestamp, value, quality }) {
    this.merge({ first: timestamp, last: timestamp, low: value, high: value, quality });
    return true;
  }

  /** A step as the server sums it up: first and last moment, lowest and highest, worst quality. */
  merge({ first, last, low, high, quality }) {
    const [x0, x1] = [seconds(first), seconds(last)];
    const number = Math.floor(x0 / this.stepSeconds);
    const known = this.steps.get(number);
    if (!known) this.steps.set(number, { x0, x1, low, high, quality });
    else {
      this.steps.set(number, {
        x0: Math.min(known.x0, x0),
        x1: Math.max(known.x1, x1),
        low: known.low === null ? low : Math.min(known.low, low ?? known.low),
        high: known.high === null ? high : Math.max(known.high, high ?? known.high),
        quality: worse(known.quality, quality),
      });
    }
  }

  /** Forget what has left the window, but for the one that the line comes from. */
  trim(nowSeconds) {
    const from = nowSeconds - this.windowSeconds - this.stepSeconds;
    for (const [number, { x1 }] of this.steps) if (x1 < from) this.steps.delete(number);
  }

  sorted() {
    return [...this.steps].sort(([a], [b]) => a - b).map(([, step]) => step);
  }

  /** uPlot's columns [x, value, doubtful, low, high]; null where nothing came for `gapSeconds`. */
  columns(gapSeconds) {
    const [xs, lows, highs] = [[], [], []];
    let before = null;
    for (const { x0, x1, low, high } of this.sorted()) {
      if (before !== null && x0 - before > gapSeconds) {
        xs.push((before + x0) / 2);
        lows.push(null);
        highs.push(null);
      }
      xs.push((x0 + x1) / 2);
      lows.push(low);
      highs.push(high);
      before = x1;
    }
    const none = xs.map(() => null);
    return [xs, none, none, lows, highs];
  }

  spans(gapSeconds, nowSeconds) {
    return spansOf(this.sorted(), gapSeconds, nowSeconds);
  }
}
