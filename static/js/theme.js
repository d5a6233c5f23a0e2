// The switch in the top bar: system, light, dark, and round again.

const ORDER = ["auto", "light", "dark"];
const root = document.documentElement;

const current = () => root.dataset.theme ?? "auto";

function show(button) {
  const theme = current();
  for (const icon of button.querySelectorAll("[data-theme-icon]")) {
    icon.toggleAttribute("hidden", icon.dataset.themeIcon !== theme);
  }
  const words = button.dataset[`label${theme[0].toUpperCase()}${theme.slice(1)}`];
  button.setAttribute("aria-label", words);
  button.title = words;
}

function choose(theme) {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (theme === "auto") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    // Chosen for this page only.
  }
}

export function startTheme() {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  button.removeAttribute("data-waits");
  show(button);
  button.addEventListener("click", () => {
    choose(ORDER[(ORDER.indexOf(current()) + 1) % ORDER.length]);
    show(button);
  });
}
