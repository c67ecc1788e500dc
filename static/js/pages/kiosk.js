// A page on the wall: the screen stays awake, and the page renews itself, never onto an error page.
import { answers, IDLE_MS, reason } from "../renewal.js";

const PROBE_MS = 60_000;
const TOUCHES = ["pointermove", "pointerdown", "keydown", "wheel"];

const live = document.querySelector("[data-live]");
let touchedAt = -Infinity;
let isAsking = false;
let idle = setTimeout(rest, IDLE_MS);
let next = setTimeout(ask, pause());

/** Not all screens of a plant at the same moment. */
function pause() {
  return PROBE_MS * (0.75 + Math.random() / 2);
}

async function ask() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(next);
  await renew().finally(() => {
    isAsking = false;
    next = setTimeout(ask, pause());
  });
}

/** Both must answer: the server, and this very page. */
async function renew() {
  const { release: mine, probe } = document.body.dataset;
  const { release: served } = (await (await answers(probe))?.json()) ?? {};
  if (!served) return;
  const now = performance.now();
  const renewedMs = Date.now() - Number(sessionStorage.getItem("renewed-at"));
  const why = reason({ mine, served, ageMs: now, idleMs: now - touchedAt, renewedMs, feed: live.dataset.feed });
  if (!why || !(await answers(location.href))) return;
  sessionStorage.setItem("renewed-at", Date.now());
  location.reload();
}

function rest() {
  document.body.classList.add("kiosk--idle");
}

function touched() {
  touchedAt = performance.now();
  document.body.classList.remove("kiosk--idle");
  clearTimeout(idle);
  idle = setTimeout(rest, IDLE_MS);
}

/** Refused where it is not known, without HTTPS and while hidden: the screen's own settings decide then. */
function stayAwake() {
  if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => null);
}

TOUCHES.forEach((type) => addEventListener(type, touched, { passive: true }));
document.addEventListener("visibilitychange", stayAwake);
stayAwake();
addEventListener("online", ask);
// The feed came back or ended: the server was started anew perhaps, with another release.
new MutationObserver(ask).observe(live, { attributeFilter: ["data-feed"] });
