// Writes one sensor's newest value: its number, quality, age, and its mark in its range.
import { ageText, decimal } from "./look.js";
import { words } from "./words.js";

export function paintSensor({ node, value, spot, mark, state, quality, age }, look) {
  attribute(node, "quality", look.quality);
  attribute(node, "stale", String(look.stale));
  attribute(node, "clock", String(Boolean(look.clock)));
  const number = value ?? spot;
  if (number.dataset.timestamp !== look.timestamp || number.dataset.value !== look.full) {
    attribute(number, "value", look.full);
    attribute(number, "timestamp", look.timestamp);
    text(number, look.number);
    if (value) value.title = decimal(look.full);
    if (mark) paintMark(node, mark, look.value);
  }
  // A sensor on the schematic has its number alone.
  if (!value) return;
  text(quality, look.word);
  text(age, ageText(look.age));
  trouble(state, "state__stale", look.stale ? words.stale : "");
  trouble(state, "state__clock", look.clock);
}

/** A sensor's label out of its row; a schematic has rows, too, without labels. */
export function labelOf(rows, name) {
  const labels = rows.filter((one) => one.name === name).map(({ node }) => node.querySelector(".reading__label, .sensor__label"));
  return labels.find(Boolean)?.textContent ?? name;
}

/** A word that is there only while something is wrong. */
function trouble(state, name, word) {
  let node = state.getElementsByClassName(name)[0];
  if (!word) return node?.remove();
  if (!node) {
    node = document.createElement("span");
    node.className = name;
    state.append(node);
  }
  text(node, word);
}

/** Where the value stands in its sensor's range. */
function paintMark({ dataset: { min, max } }, mark, value) {
  const share = (value - min) / (max - min);
  mark.toggleAttribute("hidden", value === null);
  if (value !== null) mark.setAttribute("x", 98.5 * Math.min(1, Math.max(0, share)));
}

/** Only what differs is written, and into the text that is there: a new one costs the browser more. */
export function text(node, words) {
  const there = node.firstChild;
  if (words === "" || there?.nodeType !== Node.TEXT_NODE) {
    if (node.textContent !== words) node.textContent = words;
  } else if (there.data !== words) there.data = words;
}

export function attribute(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}
