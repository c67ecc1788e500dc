// The sentences of the page: durations, moments, the banner, the quality of a machine. Pure, and the
// same as realtime/presentation/texts.py.
import { filled, words } from "./words.js";

// Of a duration: its smaller and its larger unit, and up to how many seconds they are used.
const DURATIONS = [[1, 60, 3600], [60, 3600, 86_400], [3600, 86_400, Infinity]];

/** A duration in its two largest units, rounded: `3 ms`, `31 s`, `5 min`, `1 h 7 min`. */
export function durationText(seconds) {
  const milliseconds = Math.floor(seconds * 1000 + 0.5);
  if (milliseconds < 1000) return filled(words.milliseconds, { n: milliseconds });
  const rounded = ([small]) => Math.floor(seconds / small + 0.5) * small;
  const units = DURATIONS.find((one) => rounded(one) < one[2]);
  const [whole, [small, large]] = [rounded(units), units];
  const counts = [[large, Math.floor(whole / large)], [small, (whole % large) / small]];
  return counts.filter(([, n]) => n).map(([size, n]) => filled(words.ages[size], { n })).join(" ");
}

/** A moment in the plant's time, with its date unless that is today's; both in milliseconds. */
export function momentText(ms, now, timeZone) {
  const [[date, time], [today]] = [ms, now].map((one) => new Date(one).toLocaleString("sv-SE", { timeZone }).split(" "));
  return date === today ? time : `${date} ${time}`;
}

/** The worst quality of a machine and its sensor; empty while all values are good. `labelOf` names a sensor. */
export function qualityNote({ worst, sensors }, labelOf) {
  if (worst === "good" || worst === "none") return "";
  const names = Object.keys(sensors).filter((name) => sensors[name].quality === worst);
  const where = names.length === 1 ? labelOf(names[0]) : filled(words.many_sensors, { n: names.length });
  return `${words.quality[worst]} (${where})`;
}

/** The banner's sentence at the server's time `now`; empty while the feed is live. Values that no message renews have their time named. */
export function feedText({ feed, behind, code, heardAt, valuesFrom }, now, timeZone) {
  const sentence = (feed === "stopped" && words.feed[code]) || words.feed[feed];
  if (!sentence) return "";
  const at = (ms) => momentText(ms, now, timeZone);
  const text = filled(sentence, { duration: durationText(behind), time: at(heardAt) });
  const hasValues = (feed === "down" || feed === "stopped") && valuesFrom !== null;
  return hasValues ? `${text} ${filled(words.values_from, { time: at(valuesFrom) })}` : text;
}
