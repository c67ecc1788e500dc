// A machine's page: newest values, charts from history and socket, and events.
import { Chart } from "../charts/chart.js";
import { ReadingHistory } from "../charts/reading_history.js";
import { SpanChoice } from "../charts/span_choice.js";
import { TrendMarks } from "../charts/trend_marks.js";
import { wirePrint } from "../common/print.js";
import { EventList } from "../live/events.js";
import { goLive } from "../live/page.js";
import { serverTime } from "../live/state.js";

const WITH_READINGS = new Set(["initial_data", "resync", "sensor_update"]);

const main = document.querySelector("[data-live]");
const { timeZone } = main.dataset;
const liveSeconds = Number(main.dataset.liveSeconds);
const machine = main.querySelector("[data-tile]").dataset.tile;
const charts = new Map(
  [...main.querySelectorAll("[data-chart]")].map((node) => [node.dataset.chart, new Chart(node, { timeZone, liveSeconds })]),
);
const choice = new SpanChoice(main.querySelector("[data-part=spans]"), { charts, url: main.dataset.summary, onLoaded: () => page.paintNext() });
const trends = new TrendMarks(main, charts);
const events = new EventList(main);
const add = (readings) => readings.forEach((reading) => charts.get(reading.sensor_type)?.add(reading));

const page = goLive({
  onEvent({ type, data }) {
    if (WITH_READINGS.has(type)) add(data.readings);
    // The socket resumes at another position: the readings between are in the database, or will be.
    if (type === "resync" || (type === "initial_data" && !data.recovered)) {
      data.readings.forEach(({ sensor_type, timestamp }) => charts.has(sensor_type) && history.load(sensor_type, timestamp));
      choice.load();
    }
  },
  onFrame(nowMs, state, views) {
    const now = serverTime(state, nowMs) / 1000;
    charts.forEach((chart) => chart.draw(now));
    trends.paint(now);
    events.paint(views[machine], state, now);
  },
});

const history = new ReadingHistory({
  url: main.dataset.history,
  machine,
  start: () => new Date(serverTime(page.state(), performance.now()) - liveSeconds * 1000).toISOString(),
  onPage(readings) {
    add(readings);
    page.apply({ type: "history", readings });
  },
});

charts.forEach((chart, sensor) => history.load(sensor));
choice.load();
wirePrint(main.querySelector("[data-part=print]"));
