// Opens the <dialog> that a button names; the dialog itself is HTML and closes by its own form.
// A question before something dangerous is a page of its own; with scripts it comes into #question,
// outside of what refreshes itself.

export function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens-dialog]");
    if (opener) {
      // A link opens its own page in another tab, as everywhere.
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      const dialog = document.getElementById(opener.dataset.opensDialog);
      if (dialog) {
        event.preventDefault();
        dialog.showModal();
      }
      return;
    }
    const dialog = event.target.closest("dialog");
    if (dialog && event.target.closest("[data-closes-dialog]")) {
      event.preventDefault();
      dialog.close();
    }
    // A click on the backdrop lands on the dialog itself, outside of its box.
    if (event.target === dialog && dialog?.hasAttribute("data-light-dismiss")) dialog.close();
  });
  const question = document.getElementById("question");
  if (!question) return;
  document.body.addEventListener("htmx:afterSwap", ({ target }) => {
    if (target === question && !question.open) question.showModal();
  });
  // What htmx sends leaves the page where it is, so the question has to go by itself.
  document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (question.contains(detail.elt)) question.close();
  });
  question.addEventListener("close", () => question.replaceChildren());
}
