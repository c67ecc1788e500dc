// A uPlot in the theme's colours: a line or a band, shaded where values are doubtful or missing.
import uPlot from "../../vendor/uplot-1.6.32/uPlot.esm.js";
import { numberText } from "../common/figures.js";

// Charts grow with the font: on a wall screen, or with a larger default font.
const SCALE = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
export const HEIGHT = Math.round(148 * SCALE);
const HATCH_PX = 7;
const isNumber = (value) => typeof value === "number";

/** Make a plot in `node`; `shadedRanges()` is called for each drawing, `onCursor(index)` when the cursor moves. */
export function makePlot(node, timeZone, { shadedRanges, onCursor }) {
  const colour = (name) => () => getComputedStyle(node).getPropertyValue(name);
  const axis = { stroke: colour("--chart-text"), grid: { stroke: colour("--chart-grid"), width: 1 }, ticks: { show: false }, font: `${12 * SCALE}px system-ui, sans-serif` };
  const time = new Intl.DateTimeFormat("sv-SE", { timeZone, hour: "2-digit", minute: "2-digit" });
  const edge = { stroke: colour("--chart-line"), width: 1, points: { show: false } };
  return new uPlot({
    width: node.clientWidth || 300,
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: "twin" }, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: paddedRange } },
    bands: [{ series: [4, 3], fill: colour("--chart-band") }],
    axes: [
      { ...axis, space: 50 * SCALE, size: 26 * SCALE, values: (plot, splits) => splits.map((x) => time.format(x * 1000)) },
      { ...axis, size: 56 * SCALE, space: 28 * SCALE, values: (plot, splits) => splits.map(hasValues(plot) ? numberText : () => "") },
    ],
    series: [
      {},
      { stroke: colour("--chart-line"), width: 1.5, points: { size: 4 } },
      { stroke: colour("--chart-uncertain"), paths: () => null, points: { show: true, size: 6, fill: colour("--chart-uncertain") } },
      edge,
      edge,
    ],
    hooks: {
      drawClear: [(plot) => shadedRanges().forEach((range) => shade(plot, range, colour))],
      setCursor: [(plot) => onCursor(plot.cursor.idx)],
    },
  }, [[], [], [], [], []], node);
}

const hasValues = (plot) => [1, 3].some((column) => plot.data[column].some(isNumber));

/** Doubtful values get a light ground; bad and missing ones are hatched in two directions: legible without colour. */
function shade(plot, { from, to, kind }, colour) {
  const { left, top, width, height } = plot.bbox;
  const x0 = Math.max(left, plot.valToPos(from, "x", true));
  const x1 = Math.min(left + width, Math.max(plot.valToPos(to, "x", true), x0 + 2));
  if (x1 <= left || x0 >= left + width) return;
  const { ctx } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x0, top, x1 - x0, height);
  ctx.clip();
  ctx.fillStyle = ctx.strokeStyle = colour(`--chart-${kind}`)();
  ctx.globalAlpha = kind === "gap" ? 0.12 : 0.2;
  ctx.fill();
  ctx.globalAlpha = 0.6;
  if (kind !== "uncertain") hatch(ctx, { x0, x1, top, height }, kind === "bad" ? height : -height);
  ctx.restore();
}

function hatch(ctx, { x0, x1, top, height }, slant) {
  const distance = HATCH_PX * devicePixelRatio;
  ctx.beginPath();
  for (let x = Math.floor((x0 - height) / distance) * distance; x < x1 + height; x += distance) {
    ctx.moveTo(x, top);
    ctx.lineTo(x + slant, top + height);
  }
  ctx.lineWidth = devicePixelRatio;
  ctx.stroke();
}

/** The range of the values with some padding; a flat line lies in the middle. */
function paddedRange(plot, low, high) {
  if (low === null || low === undefined) return [0, 1];
  const padding = high > low ? (high - low) * 0.1 : Math.max(Math.abs(high) * 0.05, 0.5);
  return [low - padding, high + padding];
}
