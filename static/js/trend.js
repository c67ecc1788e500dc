// Whether a sensor's values rise or fall. Pure.

const WINDOW_SECONDS = 300;
const FEWEST = 8;
// Four times the slope's standard error: about one false arrow in ten thousand looks.
const SIGNIFICANT = 4;

/** `up`, `down` or `flat` of the last five minutes' good values; null while they are too few. */
export function trendOf(points, nowSeconds) {
  const used = points.filter(({ x, y, quality }) => x > nowSeconds - WINDOW_SECONDS && y !== null && quality === "good");
  if (used.length < FEWEST) return null;
  const count = used.length;
  const meanX = used.reduce((sum, { x }) => sum + x, 0) / count;
  const meanY = used.reduce((sum, { y }) => sum + y, 0) / count;
  const spread = used.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  if (!spread) return null;
  const slope = used.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const rest = used.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  const error = Math.sqrt(rest / (count - 2) / spread);
  if (Math.abs(slope) <= SIGNIFICANT * error) return "flat";
  return slope > 0 ? "up" : "down";
}
