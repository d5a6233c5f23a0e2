// In the head, before anything is painted: the chosen theme is there from the first frame.
// A classic script on purpose, since modules run only after the page was parsed.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  } catch {
    // Storage can be forbidden; then the page follows the system.
  }
})();
