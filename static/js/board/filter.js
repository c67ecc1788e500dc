// The plant's filter: text and state, kept in the address. `matches` is pure.
import { CALM } from "../live/machine_view.js";

const REST_MS = 200;

/** Return whether a machine matches the filter; the same rule as in realtime/presentation/board.py. */
export function matches(machine, { q, state }) {
  return isIn(machine, state) && q.toLowerCase().split(/\s+/).every((word) => machine.search.includes(word));
}

function isIn({ urgency, connectivity }, state) {
  if (state === "attention") return urgency < CALM;
  return state === "" || state === connectivity;
}

export class Filter {
  /** `form` as the server wrote it; `onChange()` follows each change of the criteria. */
  constructor(form, onChange) {
    Object.assign(this, { form, onChange });
    this.buttons = [...form.querySelectorAll("[data-state]")];
    this.orderLinks = [...form.querySelectorAll("[data-order]")];
    this.criteria = { q: form.elements.q.value.trim(), state: new URLSearchParams(location.search).get("state") ?? "" };
    form.elements.q.addEventListener("input", () => this.debounce());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter?.dataset.state !== undefined) this.update({ state: event.submitter.dataset.state });
    });
  }

  /** Typed text is visible at once; the tiles follow after a pause in typing. */
  debounce() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.update({ q: this.form.elements.q.value.trim() }), REST_MS);
  }

  update(change) {
    this.criteria = { ...this.criteria, ...change };
    const query = (order) => `?${new URLSearchParams(Object.entries({ ...this.criteria, order }).filter(([, value]) => value))}`;
    history.replaceState(null, "", query(this.form.elements.order.value));
    for (const link of this.orderLinks) link.href = query(link.dataset.order);
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.state === this.criteria.state));
    this.onChange();
  }

  /** Write the number of machines of each state; a state without machines has no button. */
  showCounts(machines) {
    for (const button of this.buttons) {
      const { state } = button.dataset;
      const count = machines.filter((machine) => isIn(machine, state)).length;
      const node = button.querySelector("[data-part=count]");
      if (node.textContent !== String(count)) node.textContent = String(count);
      const isHidden = !count && state !== "" && state !== "attention" && state !== this.criteria.state;
      if (button.hidden !== isHidden) button.hidden = isHidden;
    }
  }
}
