// The page's WebSocket: reconnects by itself, resumes at its cursor, and detects silence.
import { backoff } from "../common/backoff.js";

const CHECK_MS = 500;
// Clocks that drift apart by more than this: the computer slept, and the socket with it.
const SLEEP_DRIFT_MS = 5000;
const ABNORMAL_CLOSURE = 1006;

/** The reaction to a close code: `login`, `stop` or `reconnect`; by its range to one that a newer server has. */
export function reactionTo(code, { reactions, final: [first, last] }) {
  return reactions[code] ?? (code >= first && code <= last ? "stop" : "reconnect");
}

export class LiveSocket {
  /** `closeCodes` as the server hands them out; `onEvent(event)` gets each message, and the page's own `lost`, `login` and `stop` ({code}). */
  constructor({ url, cursor = "", interval = 5, closeCodes, onEvent, Socket = globalThis.WebSocket, now = () => performance.now(), wall = Date.now }) {
    Object.assign(this, { url, cursor, interval, closeCodes, onEvent, Socket, now, wall });
    this.attempt = 0;
    this.isLost = false;
    this.socket = null;
    this.timer = null;
  }

  start() {
    this.drift = this.wall() - this.now();
    this.lastMessageAt = this.now();
    this.watcher = setInterval(() => this.checkSilence(), CHECK_MS);
    this.connect();
  }

  stop() {
    clearInterval(this.watcher);
    clearTimeout(this.timer);
    this.discard();
  }

  connect() {
    this.timer = null;
    this.attemptedAt = this.now();
    const query = this.cursor ? `?cursor=${encodeURIComponent(this.cursor)}` : "";
    const socket = new this.Socket(this.url + query);
    this.socket = socket;
    socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    socket.onclose = ({ code }) => this.closed(code);
  }

  /** End a pause early: the network is back, or the page is visible again. */
  retryNow() {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.connect();
  }

  receive(message) {
    this.lastMessageAt = this.now();
    this.attempt = 0;
    this.isLost = false;
    if (message.type === "heartbeat") this.interval = message.data.interval;
    this.onEvent(message);
    // Only after it was applied: after an error in `onEvent` a resume brings the message again.
    if (message.cursor) this.cursor = message.cursor;
  }

  closed(code) {
    this.discard();
    const type = reactionTo(code, this.closeCodes);
    if (type === "reconnect") {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.connect(), backoff(this.attempt++));
      return;
    }
    this.stop();
    this.onEvent({ type, code });
  }

  /** Report and replace a connection without a message for two heartbeats, or after the computer slept. */
  checkSilence() {
    const drift = this.wall() - this.now();
    const hasSlept = drift - this.drift > SLEEP_DRIFT_MS;
    this.drift = drift;
    const limit = 2000 * this.interval;
    const isSilent = this.now() - this.lastMessageAt > limit;
    if ((isSilent || hasSlept) && !this.isLost) {
      this.isLost = true;
      this.onEvent({ type: "lost" });
    }
    if (hasSlept || (isSilent && this.socket && this.now() - this.attemptedAt > limit)) {
      this.closed(ABNORMAL_CLOSURE);
      if (hasSlept) this.retryNow();
    }
  }

  /** Close the socket and ignore its late messages. */
  discard() {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
