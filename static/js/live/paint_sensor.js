// A sensor's newest value on the page: number, quality, age, and the mark in its range.
import { ageText, decimal } from "../common/figures.js";
import { words } from "../common/words.js";

export function paintSensor({ node, value, spot, mark, state, quality, age }, view) {
  attribute(node, "quality", view.quality);
  attribute(node, "stale", String(view.stale));
  attribute(node, "clock", String(Boolean(view.clock)));
  const number = value ?? spot;
  if (number.dataset.timestamp !== view.timestamp || number.dataset.value !== view.full) {
    attribute(number, "value", view.full);
    attribute(number, "timestamp", view.timestamp);
    text(number, view.number);
    if (value) value.title = decimal(view.full);
    if (mark) paintMark(node, mark, view.value);
  }
  // A sensor on the schematic has only its number.
  if (!value) return;
  text(quality, view.word);
  text(age, ageText(view.age));
  paintNote(state, "state__stale", view.stale ? words.stale : "");
  paintNote(state, "state__clock", view.clock);
}

/** The label from a sensor's row; the rows of a schematic have no labels. */
export function labelOf(rows, name) {
  const labels = rows.filter((row) => row.name === name).map(({ node }) => node.querySelector(".reading__label, .sensor__label"));
  return labels.find(Boolean)?.textContent ?? name;
}

/** Write a note that is in the page only while something is wrong. */
function paintNote(state, name, note) {
  let node = state.getElementsByClassName(name)[0];
  if (!note) return node?.remove();
  if (!node) {
    node = document.createElement("span");
    node.className = name;
    state.append(node);
  }
  text(node, note);
}

/** Move the mark to the value's position in its sensor's range. */
function paintMark({ dataset: { min, max } }, mark, value) {
  const share = (value - min) / (max - min);
  mark.toggleAttribute("hidden", value === null);
  if (value !== null) mark.setAttribute("x", 98.5 * Math.min(1, Math.max(0, share)));
}

/** Write a changed text, into the existing text node: a new node costs the browser more. */
export function text(node, content) {
  const child = node.firstChild;
  if (content === "" || child?.nodeType !== Node.TEXT_NODE) {
    if (node.textContent !== content) node.textContent = content;
  } else if (child.data !== content) child.data = content;
}

export function attribute(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}
