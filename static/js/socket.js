// The page's WebSocket: reconnects by itself, resumes where it was, and notices silence.

const WATCH_MS = 500;
// Clocks that drift apart by more than this: the machine slept, and the socket with it.
const SLEPT_MS = 5000;

/** Milliseconds before attempt n (0, 1, ...): 0.5 s doubling to 10 s, half of it by chance. */
export function backoff(attempt, random = Math.random()) {
  const full = Math.min(10_000, 500 * 2 ** Math.min(attempt, 10));
  return full * (0.5 + random / 2);
}

/** The reaction to a close code: `login`, `stop` or `reconnect`; by its range to one that a newer server has. */
export function reactionTo(code, { reactions, final: [first, last] }) {
  return reactions[code] ?? (code >= first && code <= last ? "stop" : "reconnect");
}

export class LiveSocket {
  /** `closeCodes` as the server hands them out; `hear(event)` gets each message, and `lost`, `login` and `stop` ({code}) of our own. */
  constructor({ url, cursor = "", interval = 5, closeCodes, hear, Socket = globalThis.WebSocket, now = () => performance.now(), wall = Date.now }) {
    Object.assign(this, { url, cursor, interval, closeCodes, hear, Socket, now, wall });
    this.attempt = 0;
    this.isLost = false;
    this.socket = null;
    this.timer = null;
  }

  start() {
    this.drift = this.wall() - this.now();
    this.heardAt = this.now();
    this.watcher = setInterval(() => this.watch(), WATCH_MS);
    this.connect();
  }

  stop() {
    clearInterval(this.watcher);
    clearTimeout(this.timer);
    this.drop();
  }

  connect() {
    this.timer = null;
    this.triedAt = this.now();
    const query = this.cursor ? `?cursor=${encodeURIComponent(this.cursor)}` : "";
    const socket = new this.Socket(this.url + query);
    this.socket = socket;
    socket.onmessage = ({ data }) => this.take(JSON.parse(data));
    socket.onclose = ({ code }) => this.closed(code);
  }

  /** Try now rather than when the pause is over: the network is back, the page is looked at. */
  hurry() {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.connect();
  }

  take(message) {
    this.heardAt = this.now();
    this.attempt = 0;
    this.isLost = false;
    if (message.type === "heartbeat") this.interval = message.data.interval;
    this.hear(message);
    // Only what was applied: a resume after an error in `hear` brings it again.
    if (message.cursor) this.cursor = message.cursor;
  }

  closed(code) {
    this.drop();
    const type = reactionTo(code, this.closeCodes);
    if (type === "reconnect") {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.connect(), backoff(this.attempt++));
      return;
    }
    this.stop();
    this.hear({ type, code });
  }

  /** No message for two heartbeats, or asleep meanwhile: say so and connect anew. */
  watch() {
    const drift = this.wall() - this.now();
    const slept = drift - this.drift > SLEPT_MS;
    this.drift = drift;
    const limit = 2000 * this.interval;
    const silent = this.now() - this.heardAt > limit;
    if ((silent || slept) && !this.isLost) {
      this.isLost = true;
      this.hear({ type: "lost" });
    }
    if (slept || (silent && this.socket && this.now() - this.triedAt > limit)) {
      this.closed(1006);
      if (slept) this.hurry();
    }
  }

  /** Forget the socket; what it still says is not heard. */
  drop() {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
