// Joins socket, state and paint for a page; the page adds what is its own.
import { painter } from "./paint.js";
import { answers } from "./renewal.js";
import { Sight } from "./sight.js";
import { LiveSocket } from "./socket.js";
import { initialState, reduce } from "./state.js";
import { useWords } from "./words.js";

const RELOAD_PAUSE_MS = 2000;
const RELOAD_AGAIN_MS = 15_000;

/** Runs the page's `<main data-live>`; `hear(message, state, before)` after each, `extra(at, state, looks)` per frame, whether it has more to do. */
export function goLive({ hear = () => {}, extra = () => {} } = {}) {
  const root = document.querySelector("[data-live]");
  const { heartbeat, cursor = "", feed, staleDefault, socket: path } = root.dataset;
  const embedded = (id) => JSON.parse(document.getElementById(id).textContent);
  useWords(embedded("words"));
  const first = embedded("first-state");
  let state = initialState(first, { at: performance.now(), feed, staleDefault: Number(staleDefault) });
  const sight = new Sight(root);
  const { soon, gather, all } = painter(root, () => state, { sight, extra });
  const apply = (event) => {
    const before = state;
    state = reduce(state, { ...event, at: performance.now() });
    hear(event, state, before);
    // Nobody is at a wall to log in: there the page says so and keeps what it shows, in grey.
    if (event.type === "login" && !document.body.matches(".kiosk")) logIn();
    if (state.hasUnknown) reloadOnce();
    gather();
  };
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
  const socket = new LiveSocket({ url, cursor, interval: Number(heartbeat), closeCodes: embedded("close-codes"), hear: apply });
  socket.start();
  addEventListener("online", () => socket.hurry());
  document.addEventListener("visibilitychange", () => document.hidden || socket.hurry());
  all();
  return { apply, root, sight, soon, state: () => state };
}

function logIn() {
  const next = encodeURIComponent(location.pathname + location.search);
  location.assign(`/login/?next=${next}`);
}

let reloading = 0;

/** Something the page has no place for: the server renders it; not in a circle if it cannot. */
function reloadOnce() {
  const before = Number(sessionStorage.getItem("reloaded-at"));
  if (reloading || Date.now() - before < RELOAD_AGAIN_MS) return;
  reloading = setTimeout(async () => {
    sessionStorage.setItem("reloaded-at", Date.now());
    if (await answers(location.href)) location.reload();
    reloading = 0;
  }, RELOAD_PAUSE_MS);
}
