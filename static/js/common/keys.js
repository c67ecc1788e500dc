// Keyboard shortcuts: `?` lists them; the pages name theirs in data-key.

const isTyping = (node) => node.matches("input, select, textarea, [contenteditable]");

/** Click or focus the node with the key's `data-key`; j and k move among tiles and charts. */
export function wireKeys() {
  const help = document.querySelector("[data-part=keys]");
  document.querySelector("[data-part=keys-open]")?.addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    // All shortcuts are single characters: Tab and PageDown are no reason to search the page.
    if (event.key.length > 1 || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "?" && help) help.showModal();
    else if (!moveFocus(event.key) && !activate(event.key)) return;
    event.preventDefault();
  });
}

function activate(key) {
  const target = [...document.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key && !node.closest("[hidden]"));
  if (!target) return false;
  if (isTyping(target)) target.focus();
  else target.click();
  return true;
}

const DIRECTIONS = { j: 1, k: -1 };

/** Focus the next or the previous machine or chart. */
function moveFocus(key) {
  if (!(key in DIRECTIONS)) return false;
  const stops = [...document.querySelectorAll("[data-stop]")].filter((node) => !node.closest("[hidden], details:not([open])"));
  const index = stops.indexOf(document.activeElement);
  const next = index < 0 ? 0 : Math.min(stops.length - 1, Math.max(0, index + DIRECTIONS[key]));
  stops[next]?.focus();
  return stops.length > 0;
}
