// The choice of the theme: kept in a cookie that the server reads, so that the next page has it at once.
const YEAR_SECONDS = 31_536_000;

export function wireTheme(form) {
  if (!form) return;
  form.elements.theme.addEventListener("change", ({ target: { value } }) => {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${value}; path=/; max-age=${YEAR_SECONDS}; samesite=lax${secure}`;
    document.body.className = document.body.className.replace(/\btheme-\S+/, `theme-${value}`);
    document.dispatchEvent(new Event("themechange"));
  });
}
