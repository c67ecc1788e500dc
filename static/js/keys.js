// The keyboard: one key, one thing, listed by `?`. What a key does stands in the page as data-key.

const isTyping = (node) => node.matches("input, select, textarea, [contenteditable]");

/** `/` and the like: click or focus what carries that `data-key`; arrows go among the tiles. */
export function wireKeys() {
  const help = document.querySelector("[data-part=keys]");
  document.querySelector("[data-part=keys-open]")?.addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    // All are letters or signs: for Tab and PageDown nobody looks through the page.
    if (event.key.length > 1 || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "?" && help) help.showModal();
    else if (!move(event.key) && !press(event.key)) return;
    event.preventDefault();
  });
}

function press(key) {
  const node = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key && !one.closest("[hidden]"));
  if (!node) return false;
  if (isTyping(node)) node.focus();
  else node.click();
  return true;
}

const STEPS = { j: 1, k: -1 };

/** j and k: the next and the previous machine or sensor. */
function move(key) {
  if (!(key in STEPS)) return false;
  const stops = [...document.querySelectorAll("[data-stop]")].filter((node) => !node.closest("[hidden], details:not([open])"));
  const at = stops.indexOf(document.activeElement);
  const next = at < 0 ? 0 : Math.min(stops.length - 1, Math.max(0, at + STEPS[key]));
  stops[next]?.focus();
  return stops.length > 0;
}
