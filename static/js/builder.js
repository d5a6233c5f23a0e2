// The builder of audiences opens beside the text that it writes, and stays open while that changes.
// In a form of something else, such as a playbook, the form says what was changed last: the text or
// the rows. So a change that is saved before the other has followed is not lost.

const builder = () => document.getElementById("audience-builder");
let isOpen = false;

function show() {
  const form = builder();
  if (!form) return;
  form.hidden = !isOpen;
  document.querySelector("[data-toggle-builder]")?.setAttribute("aria-expanded", String(isOpen));
}

function toggle(opens) {
  isOpen = opens;
  show();
}

function onClick(event) {
  if (event.target.closest("div.builder [name=do]")) changedBy("rows");
  if (!event.target.closest("[data-toggle-builder]")) return;
  toggle(!isOpen);
  if (isOpen) builder().querySelector("select, input:not([type=hidden]), button:not([hidden])")?.focus();
}

// Escape closes it, and leaves the focus where it was opened.
function onKey(event) {
  const inside = event.target.closest?.(".builder");
  if (!inside) return;
  if (event.key === "Escape" && !event.defaultPrevented) {
    event.preventDefault();
    toggle(false);
    document.querySelector("[data-toggle-builder]")?.focus();
  }
  // Here it would save all that is around the rows.
  if (event.key === "Enter" && inside.matches("div") && event.target.matches("input")) {
    event.preventDefault();
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

function changedBy(what) {
  const mark = document.querySelector("[data-audience-from]");
  if (mark) mark.value = what;
}

function onInput({ target }) {
  if (target.matches?.("[data-audience-text]")) changedBy("text");
  else if (target.closest?.("div.builder")) changedBy("rows");
  // What was put back into a form: the rows follow.
  if (target.matches?.("form")) target.querySelector("[data-audience-text]")?.dispatchEvent(new Event("restored"));
}

// A text that is being typed is newer than what the rows of a moment ago mean.
function onSwap(event) {
  const mark = document.querySelector("[data-audience-from]");
  if (event.target.matches?.("[data-audience-text]") && mark?.value === "text") event.detail.shouldSwap = false;
}

function onSwapped({ target }) {
  show();
  // The text that the rows have written is kept as if it were typed.
  if (target.matches?.("[data-audience-text]")) target.dispatchEvent(new Event("change", { bubbles: true }));
}

export function startBuilder() {
  if (!builder()) return;
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("input", onInput);
  document.addEventListener("change", onInput);
  // A view brings its filters along, with a button of their own.
  document.body.addEventListener("htmx:oobAfterSwap", onSwapped);
  document.body.addEventListener("htmx:oobBeforeSwap", onSwap);
}
