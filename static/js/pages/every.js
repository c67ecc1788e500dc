// What every page has: the choice of colours, the keys, and our own page for when the server is away.
import { wireKeys } from "../keys.js";
import { wireTheme } from "../theme.js";

wireTheme(document.querySelector("[data-part=theme]"));
wireKeys();
// Browsers have it in secure contexts only; an extra, for which no page waits or fails.
addEventListener("load", () => navigator.serviceWorker?.register("/service-worker.js").catch(() => {}));
