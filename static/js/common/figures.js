// Figures: numbers, ages, durations and moments. Pure, and the same as realtime/presentation/texts.py.
import { filled, words } from "./words.js";

const AGES = [86_400, 3600, 60, 1];
// The smaller and the larger unit of a duration, and up to how many seconds they are used.
const DURATIONS = [[1, 60, 3600], [60, 3600, 86_400], [3600, 86_400, Infinity]];
const SIGNIFICANT = 6;

/** Six significant digits, and all digits before the point; a dash for no value. */
export function numberText(value) {
  if (value === null) return "–";
  const whole = String(Math.trunc(Math.abs(value))).length;
  const digits = Math.max(SIGNIFICANT, Math.min(15, whole));
  return decimal(String(Number(value.toPrecision(digits))));
}

/** A number's text with the decimal sign of the page's language. */
export function decimal(text) {
  return text.replace(".", words.decimal ?? ".");
}

/** The value with every digit; empty for no value. */
export function fullText(value) {
  return value === null ? "" : String(value);
}

/** `12 s`, `3 min`, `2 h`, `4 d`; empty for no age. */
export function ageText(seconds) {
  if (seconds === null) return "";
  const unit = AGES.find((size) => seconds >= size) ?? 1;
  return filled(words.ages[unit], { n: Math.floor(seconds / unit) });
}

/** A duration in its two largest units, rounded: `3 ms`, `31 s`, `5 min`, `1 h 7 min`. */
export function durationText(seconds) {
  const milliseconds = Math.floor(seconds * 1000 + 0.5);
  if (milliseconds < 1000) return filled(words.milliseconds, { n: milliseconds });
  const rounded = ([small]) => Math.floor(seconds / small + 0.5) * small;
  const units = DURATIONS.find((candidate) => rounded(candidate) < candidate[2]);
  const [whole, [small, large]] = [rounded(units), units];
  const counts = [[large, Math.floor(whole / large)], [small, (whole % large) / small]];
  return counts.filter(([, n]) => n).map(([unit, n]) => filled(words.ages[unit], { n })).join(" ");
}

/** A moment in the plant's time, with its date unless that is today's; both in milliseconds. */
export function momentText(ms, nowMs, timeZone) {
  const [[date, time], [today]] = [ms, nowMs].map((moment) => new Date(moment).toLocaleString("sv-SE", { timeZone }).split(" "));
  return date === today ? time : `${date} ${time}`;
}
