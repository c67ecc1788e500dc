// What people read of the state: words, figures, ages. Pure, and the same as realtime/presentation/texts.py.
import { order, serverTime } from "./state.js";
import { filled, words } from "./words.js";

const QUALITIES = ["none", "good", "uncertain", "bad"];
const AGES = [86_400, 3600, 60, 1];
const OFFLINE_FACTOR = 3;
const SIGNIFICANT = 6;
const [AHEAD_SECONDS, BEHIND_SECONDS] = [2, 30];
/** The urgency of a machine that needs nobody. */
export const CALM = 6;

/** Six significant digits, and never fewer than stand before the point; a dash for no value. */
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

export function fullText(value) {
  return value === null ? "" : String(value);
}

/** `12 s`, `3 min`, `2 h`, `4 d`; empty when there is none. */
export function ageText(seconds) {
  if (seconds === null) return "";
  const size = AGES.find((one) => seconds >= one) ?? 1;
  return filled(words.ages[size], { n: Math.floor(seconds / size) });
}

const times = new WeakMap();

/** A reading's moment in milliseconds and its skew, worked out once: looks ask every second. */
function timesOf(latest) {
  let found = times.get(latest);
  if (!found) times.set(latest, found = { ms: Date.parse(order(latest)), skew: skewSeconds(latest) });
  return found;
}

/** How far the device's stamp was ahead of the server's clock when it came, in seconds. */
export function skewSeconds({ timestamp, received_at }) {
  return (Date.parse(timestamp) - Date.parse(received_at)) / 1000;
}

/** What is odd about the device's clock; empty when nothing is. */
export function clockWord(latest) {
  const skew = latest ? timesOf(latest).skew : 0;
  if (skew > AHEAD_SECONDS) return filled(words.clocks.ahead, { age: ageText(skew) });
  return -skew > BEHIND_SECONDS ? filled(words.clocks.behind, { age: ageText(-skew) }) : "";
}

/** Who needs someone first: the smaller, the sooner. */
export function urgency(connectivity, worst, someStale) {
  const reasons = [
    connectivity === "offline", connectivity === "stale", worst === "bad", worst === "uncertain",
    someStale, connectivity === "never_seen",
  ];
  const first = reasons.indexOf(true);
  return first < 0 ? CALM : first;
}

/** A sensor's latest value at the server's time `now` (milliseconds). */
export function sensorLook({ staleSeconds, latest }, now) {
  if (!latest) return { quality: "none", word: words.quality.none, number: "–", full: "", value: null, timestamp: "", clock: "", age: null, stale: false };
  const age = Math.max(0, now - timesOf(latest).ms) / 1000;
  return {
    quality: latest.quality,
    word: words.quality[latest.quality],
    number: numberText(latest.value),
    full: fullText(latest.value),
    value: latest.value,
    timestamp: latest.timestamp,
    clock: clockWord(latest),
    age,
    stale: age > staleSeconds,
  };
}

/** Online while a sensor is fresh; offline when none was heard for three times the longest. */
export function connectivity(machine, looks, staleDefault) {
  const heard = looks.filter((look) => look.age !== null);
  if (!heard.length) return machine.connectivity === "unknown" ? "unknown" : "never_seen";
  if (heard.some((look) => !look.stale)) return "online";
  const limits = Object.values(machine.sensors).map((sensor) => sensor.staleSeconds);
  const longest = limits.length ? Math.max(...limits) : staleDefault;
  return Math.min(...heard.map((look) => look.age)) > OFFLINE_FACTOR * longest ? "offline" : "stale";
}

/** Everything there is to show of a machine at the moment `at`. */
export function machineLook(state, id, at) {
  const machine = state.machines[id];
  const now = serverTime(state, at);
  const sensors = Object.fromEntries(Object.entries(machine.sensors).map(([name, one]) => [name, sensorLook(one, now)]));
  const looks = Object.values(sensors);
  const worst = looks.map((look) => look.quality).reduce((a, b) => (QUALITIES.indexOf(b) > QUALITIES.indexOf(a) ? b : a), "none");
  const word = connectivity(machine, looks, state.staleDefault);
  const ages = looks.map((look) => look.age).filter((age) => age !== null);
  return {
    sensors,
    worst,
    connectivity: word,
    connectivityWord: words.connectivity[word],
    urgency: urgency(word, worst, looks.some((look) => look.stale)),
    seen: ages.length ? filled(words.ago, { age: ageText(Math.min(...ages)) }) : "–",
  };
}
