// Sentences of the page: the banner, and the quality of a machine. Pure, and the same as realtime/presentation/texts.py.
import { durationText, momentText } from "../common/figures.js";
import { filled, words } from "../common/words.js";

/** The worst quality of a machine and its sensor; empty while all values are good. `labelOf` names a sensor. */
export function qualityNote({ worst, sensors }, labelOf) {
  if (worst === "good" || worst === "none") return "";
  const names = Object.keys(sensors).filter((name) => sensors[name].quality === worst);
  const where = names.length === 1 ? labelOf(names[0]) : filled(words.many_sensors, { n: names.length });
  return `${words.quality[worst]} (${where})`;
}

/** The banner's sentence at the server's time; empty while the feed is live. Values that no message renews are dated. */
export function feedText({ feed, behind, code, lastMessageAt, valuesFrom }, serverMs, timeZone) {
  const sentence = (feed === "stopped" && words.feed[code]) || words.feed[feed];
  if (!sentence) return "";
  const time = (ms) => momentText(ms, serverMs, timeZone);
  const text = filled(sentence, { duration: durationText(behind), time: time(lastMessageAt), code });
  const hasValues = (feed === "down" || feed === "stopped") && valuesFrom !== null;
  return hasValues ? `${text} ${filled(words.values_from, { time: time(valuesFrom) })}` : text;
}
