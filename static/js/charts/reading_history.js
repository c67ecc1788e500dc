// The stored readings of a machine's sensors, page by page, newest first.
import { backoff } from "../common/backoff.js";

const MAX_PAGES = 5;

export class ReadingHistory {
  /** `start()` is the oldest moment to load (RFC 3339); `onPage(readings)` gets each page. */
  constructor({ url, machine, start, onPage }) {
    Object.assign(this, { url, machine, start, onPage });
    this.requests = new Map();
  }

  /**
   * Load a sensor's readings; retry after a pause while the database does not answer, or does not
   * hold the reading measured at `until`: it may lag behind the log.
   */
  async load(sensor, until = "") {
    const request = {};
    this.requests.set(sensor, request);
    for (let attempt = 1; this.requests.get(sensor) === request; attempt += 1) {
      const isComplete = await this.fetch(sensor, until).catch(() => false);
      if (isComplete) return;
      await new Promise((resume) => setTimeout(resume, backoff(attempt)));
    }
  }

  /** Load up to 5,000 readings; return whether `until` was among them, or is older than the start. */
  async fetch(sensor, until) {
    const start = this.start();
    const query = new URLSearchParams({ machine_id: this.machine, sensor_type: sensor, start, limit: "1000" });
    let next = `${this.url}?${query}`;
    let isComplete = until < start;
    for (let page = 0; next && page < MAX_PAGES; page += 1) {
      const response = await fetch(next, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`the history answered ${response.status}`);
      const { results, next: following } = await response.json();
      this.onPage(results);
      isComplete ||= results.some(({ timestamp }) => timestamp === until);
      next = following && pathOf(following);
    }
    return isComplete;
  }
}

/** Path and query only: behind a proxy the server may see another scheme or host than the browser. */
function pathOf(address) {
  const { pathname, search } = new URL(address, location.href);
  return pathname + search;
}
