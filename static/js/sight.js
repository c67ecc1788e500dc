// Which tiles are on the screen or near it: one observer for all who paint only those.

const NEAR = "200px";

export class Sight {
  constructor(root) {
    this.seen = new Set();
    this.listeners = [];
    this.observer = new IntersectionObserver((entries) => this.look(entries), { rootMargin: NEAR });
    for (const node of root.querySelectorAll(".tile[data-tile]")) this.observer.observe(node);
  }

  /** `listener(nodes)` gets the tiles that came into sight. */
  onSeen(listener) {
    this.listeners.push(listener);
  }

  has(node) {
    return this.seen.has(node);
  }

  look(entries) {
    const came = [];
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) this.seen.delete(target);
      else if (!this.seen.has(target)) came.push(target);
      if (isIntersecting) this.seen.add(target);
    }
    if (came.length) this.listeners.forEach((listener) => listener(came));
  }
}
