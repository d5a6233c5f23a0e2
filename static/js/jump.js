// Ctrl-K or Cmd-K: go to any page, or search the board, the notices or the history, without the mouse.

export function startJump() {
  const dialog = document.getElementById("jump");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const links = [...dialog.querySelectorAll("a")];

  const filter = () => {
    const words = input.value.trim().toLowerCase();
    for (const link of links) {
      const target = link.dataset.searchUrl;
      if (target) {
        link.hidden = !words;
        link.href = `${target}?q=${encodeURIComponent(input.value.trim())}`;
        link.querySelector("[data-words]").textContent = input.value.trim();
      } else {
        link.hidden = !link.textContent.toLowerCase().includes(words);
      }
      delete link.dataset.first;
    }
    const first = links.find((link) => !link.hidden);
    if (first) first.dataset.first = "";
  };

  const move = (step) => {
    const shown = links.filter((link) => !link.hidden);
    const at = shown.indexOf(document.activeElement);
    if (at + step < 0) input.focus();
    else shown[Math.min(at + step, shown.length - 1)]?.focus();
  };

  input.addEventListener("input", filter);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && event.target === input) {
      event.preventDefault();
      links.find((link) => !link.hidden)?.click();
    }
  });
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) return;
      input.value = "";
      filter();
      dialog.showModal();
    }
  });
  document.querySelector("[data-opens-dialog='jump']")?.addEventListener("click", () => {
    input.value = "";
    filter();
  });
}
