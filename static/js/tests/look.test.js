import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ageText, clockWord, fullText, machineLook, numberText, urgency } from "../look.js";
import { initialState } from "../state.js";
import { useWords } from "../words.js";
import { machine, noon, reading } from "./readings.js";

const cases = JSON.parse(readFileSync(new URL("cases.json", import.meta.url)));
useWords(cases.words);
const at = (second) => second * 1000;
const state = (latest, feed) => initialState({ machines: [machine("CNC-001", latest)], server_time: noon() }, { at: 0, feed });

test("numbers, ages and urgencies read as the server writes them", () => {
  for (const [value, words] of cases.numbers) assert.equal(numberText(value), words);
  for (const [seconds, words] of cases.ages) assert.equal(ageText(seconds), words);
  for (const [connectivity, worst, someStale, turn] of cases.urgencies) assert.equal(urgency(connectivity, worst, someStale), turn);
  for (const [timestamp, received_at, words] of cases.clocks) assert.equal(clockWord({ timestamp, received_at }), words);
});

test("numbers have the page's decimal sign", () => {
  useWords({ decimal: "," });
  for (const [value, words] of cases.german_numbers) assert.equal(numberText(value), words);
  useWords(cases.words);
});

test("the full value keeps every digit, as the server writes it", () => {
  for (const [value, words] of cases.full) assert.equal(fullText(value), words);
});

test("a value grows stale without a message", () => {
  const shown = state(reading(0, 1));

  const looks = [300, 301].map((second) => machineLook(shown, "CNC-001", at(second)).sensors.temperature);

  assert.deepEqual(looks.map((look) => look.stale), [false, true]);
  assert.equal(looks[1].age, 301);
});

test("connectivity falls with time alone", () => {
  const shown = state(reading(0, 1));

  const words = [10, 301, 901].map((second) => machineLook(shown, "CNC-001", at(second)).connectivity);

  assert.deepEqual(words, ["online", "stale", "offline"]);
});

test("the age of a stamp from the future counts from its receipt and is never negative", () => {
  const shown = state(reading(600, 1, { received_at: noon(1) }));

  assert.equal(machineLook(shown, "CNC-001", at(0)).sensors.temperature.age, 0);
  assert.equal(machineLook(shown, "CNC-001", at(5)).sensors.temperature.age, 4);
});

test("a sensor without a reading says so", () => {
  const look = machineLook(state(null), "CNC-001", 0);

  assert.equal(look.sensors.temperature.word, "no reading yet");
  assert.equal(look.connectivity, "never_seen");
  assert.equal(look.worst, "none");
});

test("a bad value without a number is a dash", () => {
  const look = machineLook(state(reading(0, null, { quality: "bad" })), "CNC-001", 0);

  assert.equal(look.sensors.temperature.number, "–");
  assert.equal(look.worst, "bad");
});
