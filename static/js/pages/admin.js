// Admin: the choice of the theme.
import { wireTheme } from "../theme.js";

wireTheme(document.querySelector("[data-part=theme]"));
