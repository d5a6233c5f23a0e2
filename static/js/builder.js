// The builder of audiences opens beside the text that it writes, and stays open while that changes.

const builder = () => document.getElementById("audience-builder");
let isOpen = false;

function show() {
  const form = builder();
  if (!form) return;
  form.hidden = !isOpen;
  document.querySelector("[data-toggle-builder]")?.setAttribute("aria-expanded", String(isOpen));
}

function onClick(event) {
  if (!event.target.closest("[data-toggle-builder]")) return;
  isOpen = !isOpen;
  show();
  if (isOpen) builder().querySelector("select, input:not([type=hidden]), button:not([hidden])")?.focus();
}

export function startBuilder() {
  if (!builder()) return;
  document.addEventListener("click", onClick);
  // A view brings its filters along, with a button of their own.
  document.body.addEventListener("htmx:oobAfterSwap", show);
}
