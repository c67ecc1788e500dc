// What happens while the page is open: added to the list that came with it, newest first.
import { filled, words } from "./words.js";

const MOST = 20;

/** The sentences of what changed between two looks of a machine. Pure. */
export function happened(before, after, labels) {
  const sentences = [];
  if (before.connectivity !== after.connectivity && words.events[after.connectivity]) {
    sentences.push(words.events[after.connectivity]);
  }
  for (const [name, look] of Object.entries(after.sensors)) {
    const was = before.sensors[name];
    if (!was || was.quality === look.quality || was.quality === "none" || look.quality === "none") continue;
    const [one, other] = [words.quality[was.quality], words.quality[look.quality]];
    sentences.push(filled(words.events.quality, { sensor: labels[name] ?? name, before: one, after: other }));
  }
  return sentences;
}

export class EventList {
  constructor(root) {
    this.list = root.querySelector("[data-part=events]");
    this.none = root.querySelector("[data-part=no-events]");
    this.since = root.querySelector("[data-part=since]");
    this.time = new Intl.DateTimeFormat("sv-SE", { timeZone: root.dataset.timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.labels = Object.fromEntries([...root.querySelectorAll("[data-label]")].map((node) => [node.dataset.chart, node.dataset.label]));
    this.before = null;
  }

  /** Nothing is said while the feed is dead: what is not heard did not happen. */
  paint(look, state, nowSeconds) {
    if (!look || state.feed !== "live") return;
    if (this.before) {
      const now = this.time.format(nowSeconds * 1000);
      for (const sentence of happened(this.before, look, this.labels)) this.add(now, sentence);
      if (this.before.connectivity !== look.connectivity) this.since.textContent = filled(words.since, { time: now });
    }
    this.before = look;
  }

  add(time, sentence) {
    const item = document.createElement("li");
    const when = document.createElement("time");
    when.textContent = time;
    item.append(when, sentence);
    this.list.prepend(item);
    while (this.list.children.length > MOST) this.list.lastChild.remove();
    this.none.hidden = true;
  }
}
