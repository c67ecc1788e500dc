// Reloading a page by itself: the reasons of a wall screen, and the check that the server answers.

const DAY_MS = 86_400_000;
const STUCK_MS = 120_000;
// Two releases may answer side by side during an update: no reloads to and fro between them.
const MIN_PAUSE_MS = 300_000;
/** Time without input after which nobody is at the screen. */
export const IDLE_MS = 300_000;

/**
 * The reason to reload the page from a server that has just answered with its release; empty for none.
 * Stopped: the feed has ended, but a new login may have restored it. Stuck: no script began.
 */
export function reloadReason({ mine, served, ageMs, idleMs, sinceReloadMs, feed }) {
  if (sinceReloadMs < MIN_PAUSE_MS) return "";
  if (feed === "stopped") return "stopped";
  if (feed === "connecting" && ageMs > STUCK_MS) return "stuck";
  if (idleMs < IDLE_MS) return "";
  if (served !== mine) return "release";
  return ageMs > DAY_MS && feed === "live" ? "day" : "";
}

/** The response if the server answers 200 itself; null for an error or a redirect to the login. */
export async function fetchOk(url) {
  const response = await fetch(url, { redirect: "manual", cache: "no-store" }).catch(() => null);
  return response?.ok ? response : null;
}
