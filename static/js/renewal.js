// When a page on the wall should come anew. Pure, but for `answers`.

const DAY_MS = 86_400_000;
const STUCK_MS = 120_000;
// Two releases may answer side by side for a while: not to and fro between them.
const AGAIN_MS = 300_000;
/** So long after the last touch nobody is there. */
export const IDLE_MS = 300_000;

/**
 * Why to load the page anew, for a server that has just answered with its release; empty for no reason.
 * Stopped: the feed has ended, but who logged in meanwhile may see again. Stuck: no script began.
 */
export function reason({ mine, served, ageMs, idleMs, renewedMs, feed }) {
  if (renewedMs < AGAIN_MS) return "";
  if (feed === "stopped") return "stopped";
  if (feed === "connecting" && ageMs > STUCK_MS) return "stuck";
  if (idleMs < IDLE_MS) return "";
  if (served !== mine) return "release";
  return ageMs > DAY_MS && feed === "live" ? "day" : "";
}

/** What the server says there, when it says 200 itself: not an error, not the way to the login. */
export async function answers(url) {
  const answer = await fetch(url, { redirect: "manual", cache: "no-store" }).catch(() => null);
  return answer?.ok ? answer : null;
}
