// A live page: joins socket, state and painter; each page adds its own parts.
import { fetchOk } from "../common/reload.js";
import { useWords } from "../common/words.js";
import { painter } from "./paint.js";
import { LiveSocket } from "./socket.js";
import { initialState, reduce } from "./state.js";
import { VisibleTiles } from "./visible_tiles.js";

const RELOAD_DELAY_MS = 2000;
const MIN_RELOAD_PAUSE_MS = 15_000;

/** Run the page's `<main data-live>`: `onEvent(event)` after each event, `onFrame(nowMs, state, views)` per frame returns whether it has more to do. */
export function goLive({ onEvent = () => {}, onFrame = () => {} } = {}) {
  const root = document.querySelector("[data-live]");
  const { heartbeat, cursor = "", feed, staleDefault, socket: path } = root.dataset;
  const embedded = (id) => JSON.parse(document.getElementById(id).textContent);
  useWords(embedded("words"));
  let state = initialState(embedded("first-state"), { nowMs: performance.now(), feed, staleDefault: Number(staleDefault) });
  const visibleTiles = new VisibleTiles(root);
  const { paintNext, paintSoon, paintAll } = painter(root, () => state, { visibleTiles, onFrame });
  const apply = (event) => {
    state = reduce(state, { ...event, nowMs: performance.now() });
    onEvent(event);
    // Nobody is at a wall screen to log in: it keeps its values, in grey, and gives the reason.
    if (event.type === "login" && !document.body.matches(".kiosk")) logIn();
    if (state.hasUnknown) reloadOnce();
    paintSoon();
  };
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
  const socket = new LiveSocket({ url, cursor, interval: Number(heartbeat), closeCodes: embedded("close-codes"), onEvent: apply });
  socket.start();
  addEventListener("online", () => socket.retryNow());
  document.addEventListener("visibilitychange", () => document.hidden || socket.retryNow());
  paintAll();
  return { apply, visibleTiles, paintNext, state: () => state };
}

function logIn() {
  const next = encodeURIComponent(location.pathname + location.search);
  location.assign(`/login/?next=${next}`);
}

let reloadTimer = 0;

/** Reload for a machine or sensor that the page lacks: the server renders it. The pause prevents a reload loop. */
function reloadOnce() {
  const reloadedAt = Number(sessionStorage.getItem("reloaded-at"));
  if (reloadTimer || Date.now() - reloadedAt < MIN_RELOAD_PAUSE_MS) return;
  reloadTimer = setTimeout(async () => {
    sessionStorage.setItem("reloaded-at", Date.now());
    if (await fetchOk(location.href)) location.reload();
    reloadTimer = 0;
  }, RELOAD_DELAY_MS);
}
