// What a chart shades: where nothing came, and where the values were doubtful. Pure.

/**
 * `items` [{x0, x1, quality}] in order give [{from, to, kind}], kind `gap`, `uncertain` or `bad`.
 * A doubtful value counts until the next one; a silence of more than `gapSeconds` is a gap.
 */
export function spansOf(items, gapSeconds, nowSeconds) {
  const spans = [];
  items.forEach(({ x0, x1, quality }, at) => {
    const next = items[at + 1]?.x0 ?? Math.max(nowSeconds, x1);
    const isSilent = next - x1 > gapSeconds;
    if (quality !== "good") push(spans, { from: x0, to: isSilent ? x1 : next, kind: quality });
    if (isSilent) spans.push({ from: x1, to: next, kind: "gap" });
  });
  return spans;
}

function push(spans, span) {
  const before = spans.at(-1);
  if (before?.kind === span.kind && before.to === span.from) before.to = span.to;
  else spans.push(span);
}

const WORST = ["good", "uncertain", "bad"];

export function worse(one, other) {
  return WORST[Math.max(WORST.indexOf(one), WORST.indexOf(other))];
}
