// The pauses between attempts, with jitter: not all pages return at the same moment.

/** Milliseconds before attempt n (0, 1, ...): 0.5 s doubling to 10 s, half of it random. */
export function backoff(attempt, random = Math.random()) {
  const full = Math.min(10_000, 500 * 2 ** Math.min(attempt, 10));
  return full * (0.5 + random / 2);
}
