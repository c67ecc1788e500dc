import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { useWords } from "../../common/words.js";
import { machine, message, noon, reading } from "../../tests/readings.js";
import { machineView } from "../machine_view.js";
import { feedText, qualityNote } from "../sentences.js";
import { initialState, reduce } from "../state.js";

const cases = JSON.parse(readFileSync(new URL("../../tests/cases.json", import.meta.url)));
useWords(cases.words);
const LABELS = { temperature: "Temperature", voltage: "Voltage", "vibration.drive_end": "Vibration · drive end" };
const begin = (feed) => initialState({ machines: [machine()], server_time: noon() }, { nowMs: 0, feed });
const beat = (second, feed, behind_seconds = 0) => message("heartbeat", { server_time: noon(second), interval: 5, feed, behind_seconds }, { nowMs: second * 1000 });
const banner = (state, now = noon(60)) => feedText(state, Date.parse(now), "UTC");

test("the quality of a machine names the sensor, or how many, and nothing while all is good", () => {
  for (const [qualities, words] of cases.quality_notes) {
    const sensors = Object.entries(qualities).map(([sensor_type, quality]) => ({
      sensor_type, stale_seconds: 300, latest: quality === "none" ? null : reading(0, 1, { sensor_type, quality }),
    }));
    const state = initialState({ machines: [{ machine_id: "CNC-001", sensors }], server_time: noon() }, { nowMs: 0 });
    assert.equal(qualityNote(machineView(state, "CNC-001", 0), (name) => LABELS[name]), words);
  }
});

test("the banner is empty only while the feed is live or begins", () => {
  const sentences = ["connecting", "live", "delayed", "down", "lost", "stopped"].map((feed) => banner({ ...begin(feed), behind: 95, code: 4404 }));

  assert.deepEqual(sentences, [
    "",
    "",
    "Live data is 1 min 35 s behind.",
    "Live data unavailable.",
    "No connection to the server since 12:00:00. Reconnecting …",
    "This machine no longer exists. Values below are from 12:00:00.",
  ]);
});

test("a lost connection is dated by the last message, also that of yesterday", () => {
  const updated = reduce(begin(), message("sensor_update", { readings: [], skipped: 0 }, { nowMs: 7000 }));
  const lost = reduce(updated, { type: "lost", nowMs: 20_000 });

  assert.equal(banner(lost), "No connection to the server since 12:00:07. Reconnecting …");
  assert.equal(banner(lost, noon(86_400)), "No connection to the server since 2026-11-23 12:00:07. Reconnecting …");
});

test("values are dated by the last moment at which they were live", () => {
  const states = [
    [begin(), beat(5, "live"), beat(10, "down")],
    [begin(), beat(5, "live"), message("sensor_update", { readings: [], skipped: 0 }, { nowMs: 8000 }), beat(10, "down"), beat(15, "down")],
    [begin(), beat(5, "live"), beat(10, "delayed", 4), message("sensor_update", { readings: [], skipped: 0 }, { nowMs: 12_000 }), beat(15, "down")],
  ].map(([first, ...events]) => events.reduce(reduce, first));

  assert.deepEqual(states.map((state) => banner(state)), [5, 8, 6].map((second) => `Live data unavailable. Values below are from 12:00:0${second}.`));
});

test("a page that opened without values dates none, until a greeting brings some", () => {
  const down = reduce(begin("down"), beat(5, "down"));
  const greeted = reduce(down, message("initial_data", { readings: [], recovered: true }, { timestamp: noon(6), nowMs: 6000 }));

  assert.equal(banner(down), "Live data unavailable.");
  assert.equal(banner(reduce(greeted, beat(10, "down"))), "Live data unavailable. Values below are from 12:00:06.");
});

test("a feed that ended says why, and has a sentence for any other reason", () => {
  const ended = (code) => banner(reduce(begin(), { type: "stop", code }));

  assert.deepEqual([4401, 4403, 4999].map(ended), [
    "You have been logged out. Values below are from 12:00:00.",
    "You no longer have access to this page. Values below are from 12:00:00.",
    "Live updates have stopped (code 4999). Values below are from 12:00:00.",
  ]);
});
