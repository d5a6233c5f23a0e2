// Narrows a list of radio buttons by what is typed above it. Enter takes the first that is left.

function narrow(picker) {
  const input = picker.querySelector("[data-picker-filter]");
  const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const options = [...picker.querySelectorAll("[data-picker-text]")];
  let left = 0;
  for (const option of options) {
    const text = option.dataset.pickerText.toLowerCase();
    const shown = words.every((word) => text.includes(word.replace(/^\//, "")));
    option.hidden = !shown;
    left += shown;
  }
  const none = picker.querySelector("[data-picker-none]");
  if (none) none.hidden = left > 0;
}

function firstShown(picker) {
  return picker.querySelector("[data-picker-text]:not([hidden]) input[type=radio]");
}

export function startPicker() {
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-picker-filter]")) narrow(event.target.closest("[data-picker]"));
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches?.("[data-picker-filter]")) return;
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const radio = firstShown(event.target.closest("[data-picker]"));
    if (!radio) return;
    if (!radio.checked) radio.click();
    radio.focus();
  });
}
