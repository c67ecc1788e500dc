// Printing: the button, and charts in the paper's colours, which a canvas does not take from a style sheet.

export function wirePrint(button) {
  button?.addEventListener("click", () => print());
  let onScreen = null;
  addEventListener("beforeprint", () => {
    onScreen ??= document.body.className;
    dress(onScreen.replace(/\btheme-\S+/, "theme-light"));
  });
  addEventListener("afterprint", () => {
    if (onScreen !== null) dress(onScreen);
    onScreen = null;
  });
}

function dress(classes) {
  document.body.className = classes;
  document.dispatchEvent(new Event("themechange"));
}
