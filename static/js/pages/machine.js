// The twin: the newest of each sensor, its charts from history and socket, and what happened.
import { Chart } from "../chart.js";
import { EventList } from "../events.js";
import { History } from "../history.js";
import { goLive } from "../live.js";
import { wirePrint } from "../print.js";
import { SpanChoice } from "../span_choice.js";
import { serverTime } from "../state.js";
import { TrendMarks } from "../trend_marks.js";

const WINDOW_MS = 900_000;
const WITH_READINGS = new Set(["initial_data", "resync", "sensor_update"]);

const main = document.querySelector("[data-live]");
const machine = main.querySelector("[data-tile]").dataset.tile;
const charts = new Map(
  [...main.querySelectorAll("[data-chart]")].map((node) => [node.dataset.chart, new Chart(node, main.dataset.timeZone)]),
);
const choice = new SpanChoice(main.querySelector("[data-part=spans]"), { charts, url: main.dataset.summary, changed: () => page.soon() });
const trends = new TrendMarks(main, charts);
const events = new EventList(main, machine);
const add = (readings) => readings.forEach((reading) => charts.get(reading.sensor_type)?.add(reading));

const page = goLive({
  hear({ type, data }) {
    if (WITH_READINGS.has(type)) add(data.readings);
    // Greeted at another place in the log: what lies between is in the database, or will be.
    if (type === "resync" || (type === "initial_data" && !data.recovered)) {
      data.readings.forEach(({ sensor_type, timestamp }) => charts.has(sensor_type) && history.load(sensor_type, timestamp));
      choice.load();
    }
  },
  extra(at, state, looks) {
    const now = serverTime(state, at) / 1000;
    charts.forEach((chart) => chart.draw(now));
    trends.paint(now);
    events.paint(looks[machine], state, now);
  },
});

const history = new History({
  url: main.dataset.history,
  machine,
  start: () => new Date(serverTime(page.state(), performance.now()) - WINDOW_MS).toISOString(),
  take(readings) {
    add(readings);
    page.apply({ type: "history", readings });
  },
});

charts.forEach((chart, sensor) => history.load(sensor));
choice.load();
wirePrint(main.querySelector("[data-part=print]"));
