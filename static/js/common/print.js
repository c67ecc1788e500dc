// Printing: the button, and the light theme for charts, whose canvas takes no colours from a style sheet.

export function wirePrint(button) {
  button?.addEventListener("click", () => print());
  let onScreen = null;
  addEventListener("beforeprint", () => {
    onScreen ??= document.body.className;
    setClasses(onScreen.replace(/\btheme-\S+/, "theme-light"));
  });
  addEventListener("afterprint", () => {
    if (onScreen !== null) setClasses(onScreen);
    onScreen = null;
  });
}

function setClasses(classes) {
  document.body.className = classes;
  document.dispatchEvent(new Event("themechange"));
}
