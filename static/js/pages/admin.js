// Admin: the choice of the theme.
import { wireTheme } from "../common/theme.js";

wireTheme(document.querySelector("[data-part=theme]"));
