// Copies an id or a key, and says so on the button and to screen readers.

const SHOWN_MS = 1500;

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // No permission, or no secure context: select the text, so that a person can copy it.
    const text = button.parentElement.querySelector("[data-copy-text]");
    if (text) getSelection().selectAllChildren(text);
    return;
  }
  button.dataset.copied = "";
  const label = button.getAttribute("aria-label");
  button.setAttribute("aria-label", button.dataset.copiedLabel);
  setTimeout(() => {
    delete button.dataset.copied;
    button.setAttribute("aria-label", label);
  }, SHOWN_MS);
}

export function startCopy() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
}
