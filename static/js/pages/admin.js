// The choice of colours in admin.
import { wireTheme } from "../theme.js";

wireTheme(document.querySelector("[data-part=theme]"));
