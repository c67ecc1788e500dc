// Asks until the server answers, then opens the address that was asked for.
import { backoff } from "../socket.js";

const PATIENCE_MS = 5000;
const ITSELF = "/offline/";

const attempts = document.querySelector("[data-part=attempts]");

/** A second or two at first, so that a page that fails while the server answers is no busy circle. */
function pause(attempt) {
  return new Promise((resume) => {
    setTimeout(resume, backoff(attempt + 2));
    addEventListener("online", resume, { once: true });
  });
}

async function isBack() {
  const answer = await fetch("/api/v1/health/live", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => null);
  return answer?.ok ?? false;
}

for (let attempt = 0; ; attempt += 1) {
  await pause(attempt);
  if (await isBack()) break;
  attempts.textContent = attempt + 1;
}
if (location.pathname === ITSELF) location.replace("/");
else location.reload();
