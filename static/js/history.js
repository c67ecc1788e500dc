// What the database holds of a machine's sensors, page by page, newest first.
import { backoff } from "./socket.js";

const PAGES = 5;

export class History {
  /** `start()` is the oldest moment wanted (RFC 3339); `take(readings)` gets each page. */
  constructor({ url, machine, start, take }) {
    Object.assign(this, { url, machine, start, take });
    this.wanted = new Map();
  }

  /**
   * Load a sensor's readings; once more after a pause while the database does not answer, or
   * does not yet hold the one measured at `until`: it may be behind the log.
   */
  async load(sensor, until = "") {
    const turn = {};
    this.wanted.set(sensor, turn);
    for (let attempt = 1; this.wanted.get(sensor) === turn; attempt += 1) {
      const found = await this.fetch(sensor, until).catch(() => false);
      if (found) return;
      await new Promise((resume) => setTimeout(resume, backoff(attempt)));
    }
  }

  /** Up to 5,000 readings; whether `until` was among them, or is older than what was asked. */
  async fetch(sensor, until) {
    const start = this.start();
    const query = new URLSearchParams({ machine_id: this.machine, sensor_type: sensor, start, limit: "1000" });
    let next = `${this.url}?${query}`;
    let found = until < start;
    for (let page = 0; next && page < PAGES; page += 1) {
      const answer = await fetch(next, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`the history answered ${answer.status}`);
      const { results, next: following } = await answer.json();
      this.take(results);
      found ||= results.some(({ timestamp }) => timestamp === until);
      next = following && samePlace(following);
    }
    return found;
  }
}

/** A proxy may have another scheme or name than we see: only path and query are taken. */
function samePlace(address) {
  const { pathname, search } = new URL(address, location.href);
  return pathname + search;
}
