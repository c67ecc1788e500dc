// How far back the charts go: kept in the address, loaded in steps by the server.
import { backoff } from "./socket.js";

const SPANS = {
  15: { windowSeconds: 900 },
  60: { windowSeconds: 3600, stepSeconds: 10 },
  480: { windowSeconds: 28_800, stepSeconds: 60 },
};

/** This page's, with what else it says (kiosk). */
function address(minutes) {
  const query = new URLSearchParams(location.search);
  if (minutes === "15") query.delete("minutes");
  else query.set("minutes", minutes);
  return `${query}` ? `?${query}` : location.pathname;
}

export class SpanChoice {
  /** `node` holds a button with data-minutes for each; `changed()` after what was loaded. */
  constructor(node, { charts, url, changed }) {
    Object.assign(this, { node, charts, url, changed, turn: null });
    node?.addEventListener("click", ({ target }) => target.dataset.minutes && this.choose(target.dataset.minutes));
  }

  /** Load what is chosen: at first, and when the log could not bring all that was missed. */
  load() {
    const { minutes } = this.node?.querySelector("[aria-pressed=true]")?.dataset ?? {};
    if (minutes && SPANS[minutes].stepSeconds) this.choose(minutes);
  }

  choose(minutes) {
    for (const button of this.node.children) button.setAttribute("aria-pressed", String(button.dataset.minutes === minutes));
    history.replaceState(null, "", address(minutes));
    const turn = (this.turn = {});
    for (const [sensor, chart] of this.charts) {
      chart.show(SPANS[minutes]);
      if (SPANS[minutes].stepSeconds) this.fetch({ sensor, chart, minutes, turn });
    }
    this.changed();
  }

  /** Until it is there, or another span is chosen. */
  async fetch({ sensor, chart, minutes, turn }) {
    const query = new URLSearchParams({ sensor, minutes });
    for (let attempt = 1; this.turn === turn; attempt += 1) {
      const answer = await fetch(`${this.url}?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
      if (answer?.ok && !answer.redirected) {
        const { steps, step_seconds: stepSeconds } = await answer.json();
        if (this.turn === turn) chart.take(steps, stepSeconds);
        this.changed();
        return;
      }
      await new Promise((resume) => setTimeout(resume, backoff(attempt)));
    }
  }
}
