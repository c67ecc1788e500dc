// A machine's view: what a page shows of the state at a moment. Pure.
import { ageText, fullText, numberText } from "../common/figures.js";
import { filled, words } from "../common/words.js";
import { effectiveTime, serverTime } from "./state.js";

const QUALITIES = ["none", "good", "uncertain", "bad"];
const OFFLINE_FACTOR = 3;
const [AHEAD_SECONDS, BEHIND_SECONDS] = [2, 30];
/** The urgency of a machine that needs no attention. */
export const CALM = 6;

const times = new WeakMap();

/** A reading's effective time in milliseconds and its clock skew in seconds, computed once: views need them every second. */
function timesOf(latest) {
  let entry = times.get(latest);
  if (!entry) times.set(latest, entry = { ms: Date.parse(effectiveTime(latest)), skew: skewSeconds(latest) });
  return entry;
}

/** How far the device's stamp was ahead of the server's clock on arrival, in seconds. */
function skewSeconds({ timestamp, received_at }) {
  return (Date.parse(timestamp) - Date.parse(received_at)) / 1000;
}

/** A note on the device's clock; empty while it is in sync. */
export function clockWord(latest) {
  const skew = latest ? timesOf(latest).skew : 0;
  if (skew > AHEAD_SECONDS) return filled(words.clocks.ahead, { age: ageText(skew) });
  return -skew > BEHIND_SECONDS ? filled(words.clocks.behind, { age: ageText(-skew) }) : "";
}

/** The rank of a machine that needs attention: the smaller, the more urgent. */
export function urgency(connectivity, worst, someStale) {
  const reasons = [
    connectivity === "offline", connectivity === "stale", worst === "bad", worst === "uncertain",
    someStale, connectivity === "never_seen",
  ];
  const first = reasons.indexOf(true);
  return first < 0 ? CALM : first;
}

/** A sensor's latest value at the server's time. `isUnknown`: the server could not read it. */
function sensorView({ staleSeconds, latest }, serverMs, isUnknown) {
  if (!latest) return { quality: "none", word: isUnknown ? words.unknown_value : words.quality.none, number: "–", full: "", value: null, timestamp: "", clock: "", age: null, stale: false };
  const age = Math.max(0, serverMs - timesOf(latest).ms) / 1000;
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

/** Online while a sensor is fresh; offline when nothing was received for three times the longest stale time. */
function connectivityOf(machine, sensorViews, staleDefault) {
  const seen = sensorViews.filter(({ age }) => age !== null);
  if (!seen.length) return machine.connectivity === "unknown" ? "unknown" : "never_seen";
  if (seen.some(({ stale }) => !stale)) return "online";
  const limits = Object.values(machine.sensors).map((sensor) => sensor.staleSeconds);
  const longest = limits.length ? Math.max(...limits) : staleDefault;
  return Math.min(...seen.map(({ age }) => age)) > OFFLINE_FACTOR * longest ? "offline" : "stale";
}

/** Everything a page shows of a machine at a moment of the page's clock. */
export function machineView(state, id, nowMs) {
  const machine = state.machines[id];
  const serverMs = serverTime(state, nowMs);
  const isUnknown = machine.connectivity === "unknown";
  const sensors = Object.fromEntries(Object.entries(machine.sensors).map(([name, sensor]) => [name, sensorView(sensor, serverMs, isUnknown)]));
  const sensorViews = Object.values(sensors);
  const worst = sensorViews.map(({ quality }) => quality).reduce((a, b) => (QUALITIES.indexOf(b) > QUALITIES.indexOf(a) ? b : a), "none");
  const connectivity = connectivityOf(machine, sensorViews, state.staleDefault);
  const ages = sensorViews.map(({ age }) => age).filter((age) => age !== null);
  return {
    sensors,
    worst,
    connectivity,
    connectivityWord: words.connectivity[connectivity],
    urgency: urgency(connectivity, worst, sensorViews.some(({ stale }) => stale)),
    seen: ages.length ? filled(words.ago, { age: ageText(Math.min(...ages)) }) : "–",
  };
}
