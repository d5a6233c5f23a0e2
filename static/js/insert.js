// Puts a variable into the text that was written in last, where its cursor is.

let field = null;

export function startInsert() {
  if (!document.getElementById("editor")) return;
  field = document.querySelector("#editor textarea");
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("#editor textarea")) field = event.target;
  });
  document.addEventListener("click", (event) => {
    const words = event.target.closest("[data-insert]")?.dataset.insert;
    if (!words || !field) return;
    field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
