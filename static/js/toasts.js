// Short messages that leave by themselves; one about a problem stays until it is closed.

const SHOWN_MS = 6000;

function arm(toast) {
  toast.querySelector("[data-closes-toast]")?.addEventListener("click", () => toast.remove());
  if (!toast.hasAttribute("data-stays")) setTimeout(() => toast.remove(), SHOWN_MS);
}

export function toast(words, { stays = true } = {}) {
  const region = document.querySelector("[data-toasts]");
  const template = document.getElementById("toast-template");
  if (!region || !template) return;
  const element = template.content.firstElementChild.cloneNode(true);
  element.querySelector("p").textContent = words;
  element.toggleAttribute("data-stays", stays);
  region.append(element);
  arm(element);
}

export function startToasts() {
  for (const element of document.querySelectorAll("[data-toasts] .toast")) arm(element);
}
