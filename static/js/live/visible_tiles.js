// The tiles on the screen or near it: one observer for everything that paints only those.

const NEAR = "200px";

export class VisibleTiles {
  constructor(root) {
    this.nodes = new Set();
    this.listeners = [];
    this.observer = new IntersectionObserver((entries) => this.update(entries), { rootMargin: NEAR });
    for (const node of root.querySelectorAll(".tile[data-tile]")) this.observer.observe(node);
  }

  /** `listener(nodes)` gets the tiles that become visible. */
  onAppear(listener) {
    this.listeners.push(listener);
  }

  has(node) {
    return this.nodes.has(node);
  }

  update(entries) {
    const appeared = [];
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) this.nodes.delete(target);
      else if (!this.nodes.has(target)) appeared.push(target);
      if (isIntersecting) this.nodes.add(target);
    }
    if (appeared.length) this.listeners.forEach((listener) => listener(appeared));
  }
}
