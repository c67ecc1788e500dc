// The choice of the charts' span: kept in the address, loaded in buckets from the server.
import { backoff } from "../common/backoff.js";

export class SpanChoice {
  /** `node` holds a button for each span, with its minutes and bucket's seconds; `onLoaded()` follows a load. */
  constructor(node, { charts, url, onLoaded }) {
    Object.assign(this, { node, charts, url, onLoaded, request: null });
    node?.addEventListener("click", ({ target }) => target.dataset.minutes && this.choose(target));
  }

  /** Load the chosen span: at first, and when the log could not bring all that was missed. */
  load() {
    const button = this.node?.querySelector("[aria-pressed=true]");
    if (button?.dataset.bucketSeconds) this.choose(button);
  }

  choose(button) {
    const { minutes, bucketSeconds } = button.dataset;
    for (const other of this.node.children) other.setAttribute("aria-pressed", String(other === button));
    history.replaceState(null, "", this.addressOf(button));
    const request = (this.request = {});
    for (const [sensor, chart] of this.charts) {
      chart.showSpan({ windowSeconds: minutes * 60, bucketSeconds: Number(bucketSeconds) });
      if (bucketSeconds) this.fetch({ sensor, chart, minutes, request });
    }
    this.onLoaded();
  }

  /** This page's address with the span, without it for the first; the other parameters stay. */
  addressOf(button) {
    const query = new URLSearchParams(location.search);
    if (button === this.node.children[0]) query.delete("minutes");
    else query.set("minutes", button.dataset.minutes);
    return `${query}` ? `?${query}` : location.pathname;
  }

  /** Retry until the buckets are there, or another span is chosen. */
  async fetch({ sensor, chart, minutes, request }) {
    const query = new URLSearchParams({ sensor, minutes });
    for (let attempt = 1; this.request === request; attempt += 1) {
      const response = await fetch(`${this.url}?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
      if (response?.ok && !response.redirected) {
        const { steps: buckets, step_seconds: bucketSeconds } = await response.json();
        if (this.request === request) chart.addBuckets(buckets, bucketSeconds);
        this.onLoaded();
        return;
      }
      await new Promise((resume) => setTimeout(resume, backoff(attempt)));
    }
  }
}
