import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ageText, durationText, fullText, momentText, numberText } from "../figures.js";
import { useWords } from "../words.js";

const cases = JSON.parse(readFileSync(new URL("../../tests/cases.json", import.meta.url)));
useWords(cases.words);

test("numbers and ages read as the server writes them", () => {
  for (const [value, words] of cases.numbers) assert.equal(numberText(value), words);
  for (const [seconds, words] of cases.ages) assert.equal(ageText(seconds), words);
});

test("durations and moments read as the server writes them", () => {
  for (const [seconds, words] of cases.durations) assert.equal(durationText(seconds), words);
  for (const [moment, now, zone, words] of cases.moments) assert.equal(momentText(Date.parse(moment), Date.parse(now), zone), words);
});

test("numbers have the page's decimal sign", () => {
  useWords({ decimal: "," });
  for (const [value, words] of cases.german_numbers) assert.equal(numberText(value), words);
  useWords(cases.words);
});

test("the full value keeps every digit, as the server writes it", () => {
  for (const [value, words] of cases.full) assert.equal(fullText(value), words);
});
