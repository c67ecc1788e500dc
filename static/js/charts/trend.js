// The trend of a sensor's values: rising, falling or steady. Pure.

const WINDOW_SECONDS = 300;
const MIN_POINTS = 8;
// Four times the slope's standard error: about one false arrow in ten thousand evaluations.
const SIGNIFICANT = 4;

/** `up`, `down` or `flat` for the good values of the last five minutes; null if they are too few. */
export function trendOf(points, nowSeconds) {
  const used = points.filter(({ x, y, quality }) => x > nowSeconds - WINDOW_SECONDS && y !== null && quality === "good");
  if (used.length < MIN_POINTS) return null;
  const count = used.length;
  const meanX = used.reduce((sum, { x }) => sum + x, 0) / count;
  const meanY = used.reduce((sum, { y }) => sum + y, 0) / count;
  const spread = used.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  if (!spread) return null;
  const slope = used.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const residual = used.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  const error = Math.sqrt(residual / (count - 2) / spread);
  if (Math.abs(slope) <= SIGNIFICANT * error) return "flat";
  return slope > 0 ? "up" : "down";
}
