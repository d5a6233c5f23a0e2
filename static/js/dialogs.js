// Opens the <dialog> that a button names; the dialog itself is HTML and closes by its own form.

export function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opensDialog);
      if (dialog) {
        event.preventDefault();
        dialog.showModal();
      }
      return;
    }
    if (event.target.closest("[data-closes-dialog]")) event.target.closest("dialog")?.close();
    // A click on the backdrop lands on the dialog itself, outside of its box.
    if (event.target instanceof HTMLDialogElement && event.target.hasAttribute("data-light-dismiss")) {
      event.target.close();
    }
  });
}
