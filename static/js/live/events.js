// Events while the page is open: added to the list that came with it, newest first.
import { filled, words } from "../common/words.js";

const MAX_EVENTS = 20;

/** The sentences of the changes between two views of a machine. Pure. */
export function eventSentences(before, after, labels) {
  const sentences = [];
  if (before.connectivity !== after.connectivity && words.events[after.connectivity]) {
    sentences.push(words.events[after.connectivity]);
  }
  for (const [name, { quality }] of Object.entries(after.sensors)) {
    const previous = before.sensors[name]?.quality ?? "none";
    if (previous === quality || previous === "none" || quality === "none") continue;
    const values = { sensor: labels[name] ?? name, before: words.quality[previous], after: words.quality[quality] };
    sentences.push(filled(words.events.quality, values));
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

  /** Add the changes since the last call; none while the feed is not live: nothing is known then. */
  paint(machine, state, nowSeconds) {
    if (!machine || state.feed !== "live") return;
    if (this.before) {
      const now = this.time.format(nowSeconds * 1000);
      for (const sentence of eventSentences(this.before, machine, this.labels)) this.add(now, sentence);
      if (this.before.connectivity !== machine.connectivity) this.since.textContent = filled(words.since, { time: now });
    }
    this.before = machine;
  }

  add(time, sentence) {
    const item = document.createElement("li");
    const node = document.createElement("time");
    node.textContent = time;
    item.append(node, sentence);
    this.list.prepend(item);
    while (this.list.children.length > MAX_EVENTS) this.list.lastChild.remove();
    this.none.hidden = true;
  }
}
