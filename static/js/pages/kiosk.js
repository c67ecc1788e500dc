// A wall screen: it stays awake, and reloads its page, never onto an error page.
import { fetchOk, IDLE_MS, reloadReason } from "../common/reload.js";

const PROBE_MS = 60_000;
const INPUT_EVENTS = ["pointermove", "pointerdown", "keydown", "wheel"];

const live = document.querySelector("[data-live]");
let inputAt = -Infinity;
let isProbing = false;
let idleTimer = setTimeout(setIdle, IDLE_MS);
let probeTimer = setTimeout(probe, pause());

/** With random jitter: not all screens of a plant at the same moment. */
function pause() {
  return PROBE_MS * (0.75 + Math.random() / 2);
}

async function probe() {
  if (isProbing) return;
  isProbing = true;
  clearTimeout(probeTimer);
  await reloadIfNeeded().finally(() => {
    isProbing = false;
    probeTimer = setTimeout(probe, pause());
  });
}

/** Reload only if the server answers, and for this very page. */
async function reloadIfNeeded() {
  const { release: mine, probe: url } = document.body.dataset;
  const { release: served } = (await (await fetchOk(url))?.json()) ?? {};
  if (!served) return;
  const now = performance.now();
  const sinceReloadMs = Date.now() - Number(sessionStorage.getItem("renewed-at"));
  const reason = reloadReason({ mine, served, ageMs: now, idleMs: now - inputAt, sinceReloadMs, feed: live.dataset.feed });
  if (!reason || !(await fetchOk(location.href))) return;
  sessionStorage.setItem("renewed-at", Date.now());
  location.reload();
}

function setIdle() {
  document.body.classList.add("kiosk--idle");
}

function onInput() {
  inputAt = performance.now();
  document.body.classList.remove("kiosk--idle");
  clearTimeout(idleTimer);
  idleTimer = setTimeout(setIdle, IDLE_MS);
}

/** Browsers refuse a wake lock without HTTPS and while hidden: the screen's own settings apply then. */
function stayAwake() {
  if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => null);
}

INPUT_EVENTS.forEach((type) => addEventListener(type, onInput, { passive: true }));
document.addEventListener("visibilitychange", stayAwake);
stayAwake();
addEventListener("online", probe);
// The feed came back or ended: the server may have restarted with another release.
new MutationObserver(probe).observe(live, { attributeFilter: ["data-feed"] });
