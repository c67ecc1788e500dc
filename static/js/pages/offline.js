// The page for an unreachable server: retries, then opens the address that was requested.
import { backoff } from "../common/backoff.js";

const TIMEOUT_MS = 5000;
const OWN_PATH = "/offline/";

const attempts = document.querySelector("[data-part=attempts]");

/** Wait a second or two at first, so that a page that fails on a reachable server is no busy loop. */
function pause(attempt) {
  return new Promise((resume) => {
    setTimeout(resume, backoff(attempt + 2));
    addEventListener("online", resume, { once: true });
  });
}

async function isReachable() {
  const response = await fetch("/api/v1/health/live", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => null);
  return response?.ok ?? false;
}

for (let attempt = 0; ; attempt += 1) {
  await pause(attempt);
  if (await isReachable()) break;
  attempts.textContent = attempt + 1;
}
if (location.pathname === OWN_PATH) location.replace("/");
else location.reload();
