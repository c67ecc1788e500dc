// The shaded ranges of a chart: gaps without data, and doubtful values. Pure.

/**
 * `items` [{x0, x1, quality}] in order give [{from, to, kind}], kind `gap`, `uncertain` or `bad`.
 * A doubtful value counts until the next one; more than `gapSeconds` without data is a gap.
 */
export function shadedRanges(items, gapSeconds, nowSeconds) {
  const ranges = [];
  items.forEach(({ x0, x1, quality }, index) => {
    const next = items[index + 1]?.x0 ?? Math.max(nowSeconds, x1);
    const isSilent = next - x1 > gapSeconds;
    if (quality !== "good") push(ranges, { from: x0, to: isSilent ? x1 : next, kind: quality });
    if (isSilent) ranges.push({ from: x1, to: next, kind: "gap" });
  });
  return ranges;
}

function push(ranges, range) {
  const before = ranges.at(-1);
  if (before?.kind === range.kind && before.to === range.from) before.to = range.to;
  else ranges.push(range);
}

const BY_SEVERITY = ["good", "uncertain", "bad"];

export function worseQuality(left, right) {
  return BY_SEVERITY[Math.max(BY_SEVERITY.indexOf(left), BY_SEVERITY.indexOf(right))];
}
