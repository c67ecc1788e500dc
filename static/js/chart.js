// One live chart: the last 15 minutes reading by reading, or hours in steps; gaps where nothing came.
import { numberText } from "./look.js";
import { HEIGHT, makePlot } from "./plot.js";
import { Points } from "./points.js";
import { Steps } from "./steps.js";

const DARK = matchMedia("(prefers-color-scheme: dark)");
const RECENT_SECONDS = 900;

export class Chart {
  /** `node` carries data-unit and data-stale-seconds; `timeZone` names the axis's times. */
  constructor(node, timeZone) {
    this.node = node;
    this.readout = node.parentElement.querySelector("[data-part=cursor]");
    this.time = new Intl.DateTimeFormat("sv-SE", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.points = new Points({ windowSeconds: RECENT_SECONDS });
    this.shown = this.points;
    this.windowSeconds = RECENT_SECONDS;
    this.gapSeconds = Number(node.dataset.staleSeconds);
    this.now = 0;
    this.isDirty = true;
    node.replaceChildren();
    this.plot = makePlot(node, timeZone, {
      spans: () => this.shown.spans(this.gapSeconds, this.now),
      onCursor: (index) => this.read(index),
    });
    new ResizeObserver(() => this.plot.setSize({ width: node.clientWidth, height: HEIGHT })).observe(node);
    const recolour = () => this.plot.redraw(false, true);
    DARK.addEventListener("change", recolour);
    document.addEventListener("themechange", recolour);
    node.addEventListener("keydown", (event) => this.step(event));
  }

  add(reading) {
    if (this.points.add(reading)) this.isDirty = true;
    if (this.shown !== this.points) this.isDirty = this.shown.add(reading);
  }

  /** Show the last 15 minutes, or a longer window in steps of so many seconds. */
  show({ windowSeconds, stepSeconds }) {
    this.windowSeconds = windowSeconds;
    this.shown = stepSeconds ? new Steps({ windowSeconds, stepSeconds }) : this.points;
    // What the database does not hold yet came through the socket.
    if (stepSeconds) this.points.list.forEach(({ t, y, quality }) => this.shown.add({ timestamp: t, value: y, quality }));
    this.isDirty = true;
  }

  /** The steps that the server summed up; not those of a window that is no longer shown. */
  take(steps, stepSeconds) {
    if (this.shown.stepSeconds !== stepSeconds) return;
    steps.forEach((step) => this.shown.merge(step));
    this.isDirty = true;
  }

  /** Draw what came, up to the server's time in seconds; a stamp from the future stays in view. */
  draw(nowSeconds) {
    this.now = nowSeconds;
    if (this.isDirty) {
      this.points.trim(nowSeconds);
      this.shown.trim(nowSeconds);
      this.plot.setData(this.shown.columns(this.gapSeconds), false);
      this.isDirty = false;
    }
    const newest = this.points.list.at(-1)?.x ?? 0;
    const max = Math.max(nowSeconds, Math.min(newest, nowSeconds + this.windowSeconds));
    this.plot.setScale("x", { min: nowSeconds - this.windowSeconds, max });
    this.node.dataset.points = this.shown.count;
  }

  /** What lies under the crosshair, in words. */
  read(index) {
    const [xs, ys, , lows, highs] = this.plot.data;
    const words = [ys, lows, highs].map((column) => (typeof column[index] === "number" ? numberText(column[index]) : null));
    const [value, low, high] = words;
    const found = value ?? (low !== null && low !== high ? `${low} – ${high}` : low);
    this.readout.textContent = found === null ? "" : `${this.time.format(xs[index] * 1000)}  ${found} ${this.node.dataset.unit}`;
  }

  /** The crosshair by the arrow keys, on every chart at once. */
  step(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const xs = this.plot.data[0];
    if (!way || !xs.length) return;
    event.preventDefault();
    const at = Math.min(xs.length - 1, Math.max(0, (this.plot.cursor.idx ?? xs.length) + way));
    this.plot.setCursor({ left: this.plot.valToPos(xs[at], "x"), top: HEIGHT / 3 });
  }
}
