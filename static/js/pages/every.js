// Every page: theme, keyboard shortcuts, and the page for an unreachable server.
import { wireKeys } from "../common/keys.js";
import { wireTheme } from "../common/theme.js";

wireTheme(document.querySelector("[data-part=theme]"));
wireKeys();
// Browsers have service workers in secure contexts only; no page depends on one.
addEventListener("load", () => navigator.serviceWorker?.register("/service-worker.js").catch(() => {}));
