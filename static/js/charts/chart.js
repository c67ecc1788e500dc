// A sensor's chart: live readings one by one, or hours in buckets; gaps where no data was received.
import { numberText } from "../common/figures.js";
import { Buckets } from "./buckets.js";
import { HEIGHT, makePlot } from "./plot.js";
import { Points } from "./points.js";

const DARK = matchMedia("(prefers-color-scheme: dark)");
const ARROWS = { ArrowLeft: -1, ArrowRight: 1 };

export class Chart {
  /** `node` carries data-unit and data-stale-seconds; `timeZone` names the axis's times; `liveSeconds` is the span of single readings. */
  constructor(node, { timeZone, liveSeconds }) {
    this.node = node;
    this.readout = node.parentElement.querySelector("[data-part=cursor]");
    this.time = new Intl.DateTimeFormat("sv-SE", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.points = new Points({ windowSeconds: liveSeconds });
    this.series = this.points;
    this.windowSeconds = liveSeconds;
    this.gapSeconds = Number(node.dataset.staleSeconds);
    this.now = 0;
    this.isDirty = true;
    node.replaceChildren();
    this.plot = makePlot(node, timeZone, {
      shadedRanges: () => this.series.shadedRanges(this.gapSeconds, this.now),
      onCursor: (index) => this.showReadout(index),
    });
    new ResizeObserver(() => this.plot.setSize({ width: node.clientWidth, height: HEIGHT })).observe(node);
    const recolour = () => this.plot.redraw(false, true);
    DARK.addEventListener("change", recolour);
    document.addEventListener("themechange", recolour);
    node.addEventListener("keydown", (event) => this.moveCursor(event));
  }

  add(reading) {
    if (this.points.add(reading)) this.isDirty = true;
    if (this.series !== this.points) this.isDirty = this.series.add(reading);
  }

  /** Show a span: reading by reading, or in buckets of so many seconds. */
  showSpan({ windowSeconds, bucketSeconds }) {
    this.windowSeconds = windowSeconds;
    this.series = bucketSeconds ? new Buckets({ windowSeconds, bucketSeconds }) : this.points;
    // The database may lag behind the socket: its readings go into the buckets too.
    if (bucketSeconds) this.points.list.forEach(({ t, y, quality }) => this.series.add({ timestamp: t, value: y, quality }));
    this.isDirty = true;
  }

  /** Add the server's buckets, unless another span is shown by now. */
  addBuckets(buckets, bucketSeconds) {
    if (this.series.bucketSeconds !== bucketSeconds) return;
    buckets.forEach((bucket) => this.series.merge(bucket));
    this.isDirty = true;
  }

  /** Draw up to the server's time in seconds; a stamp from the future stays visible. */
  draw(nowSeconds) {
    this.now = nowSeconds;
    if (this.isDirty) {
      this.points.trim(nowSeconds);
      this.series.trim(nowSeconds);
      this.plot.setData(this.series.columns(this.gapSeconds), false);
      this.isDirty = false;
    }
    const newest = this.points.list.at(-1)?.x ?? 0;
    const max = Math.max(nowSeconds, Math.min(newest, nowSeconds + this.windowSeconds));
    this.plot.setScale("x", { min: nowSeconds - this.windowSeconds, max });
    this.node.dataset.points = this.series.count;
  }

  /** Write time and value under the cursor; a bucket has its lowest and highest. */
  showReadout(index) {
    const [xs, ys, , lows, highs] = this.plot.data;
    const numbers = [ys, lows, highs].map((column) => (typeof column[index] === "number" ? numberText(column[index]) : null));
    const [value, low, high] = numbers;
    const text = value ?? (low !== null && low !== high ? `${low} – ${high}` : low);
    this.readout.textContent = text === null ? "" : `${this.time.format(xs[index] * 1000)}  ${text} ${this.node.dataset.unit}`;
  }

  /** Move the cursor by the arrow keys, on all charts together. */
  moveCursor(event) {
    const direction = ARROWS[event.key];
    const xs = this.plot.data[0];
    if (!direction || !xs.length) return;
    event.preventDefault();
    const index = Math.min(xs.length - 1, Math.max(0, (this.plot.cursor.idx ?? xs.length) + direction));
    this.plot.setCursor({ left: this.plot.valToPos(xs[index], "x"), top: HEIGHT / 3 });
  }
}
