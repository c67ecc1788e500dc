// Which machines the plant shows: text and state, kept in the address. `matches` is pure.
import { CALM } from "./look.js";

const REST_MS = 200;

/** Whether a machine is asked for; the same as `Wanted.takes` of realtime/presentation/board.py. */
export function matches(machine, { q, state }) {
  return isIn(machine, state) && q.toLowerCase().split(/\s+/).every((word) => machine.search.includes(word));
}

function isIn({ urgency, connectivity }, state) {
  if (state === "attention") return urgency < CALM;
  return state === "" || state === connectivity;
}

export class Filter {
  /** `form` as the server wrote it; `changed()` after each change of what is wanted. */
  constructor(form, changed) {
    Object.assign(this, { form, changed });
    this.buttons = [...form.querySelectorAll("[data-state]")];
    this.orders = [...form.querySelectorAll("[data-order]")];
    this.read(new URLSearchParams(location.search));
    form.elements.q.addEventListener("input", () => this.typed());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter?.dataset.state !== undefined) this.set({ state: event.submitter.dataset.state });
    });
  }

  read(query) {
    this.wanted = { q: this.form.elements.q.value.trim(), state: query.get("state") ?? "" };
    this.order = this.form.elements.order.value;
  }

  /** What is typed is seen at once; the tiles follow when the hand rests. */
  typed() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.set({ q: this.form.elements.q.value.trim() }), REST_MS);
  }

  set(change) {
    this.wanted = { ...this.wanted, ...change };
    const query = (order) => `?${new URLSearchParams(Object.entries({ ...this.wanted, order }).filter(([, value]) => value))}`;
    history.replaceState(null, "", query(this.order));
    for (const link of this.orders) link.href = query(link.dataset.order);
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.state === this.wanted.state));
    this.changed();
  }

  /** How many machines there are of each state; those of none are not offered. */
  count(machines) {
    for (const button of this.buttons) {
      const { state } = button.dataset;
      const count = machines.filter((machine) => isIn(machine, state)).length;
      const node = button.querySelector("[data-part=count]");
      if (node.textContent !== String(count)) node.textContent = String(count);
      const isHidden = !count && state !== "" && state !== "attention" && state !== this.wanted.state;
      if (button.hidden !== isHidden) button.hidden = isHidden;
    }
  }
}
