// Narrows a list of radio buttons by what is typed above it. Enter takes the first that is left,
// and before all others the one whose shortcut was typed after a slash.

function fits(option, word) {
  const plain = word.replace(/^\//, "");
  if (plain !== word && option.dataset.pickerShortcut?.startsWith(plain)) return true;
  return option.dataset.pickerText.toLowerCase().includes(plain);
}

function narrow(picker) {
  const input = picker.querySelector("[data-picker-filter]");
  if (input.hasAttribute("hx-get")) return; // there are more than these: the server looks
  const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const options = [...picker.querySelectorAll("[data-picker-text]")];
  let left = 0;
  for (const option of options) {
    const shown = words.every((word) => fits(option, word));
    option.hidden = !shown;
    left += shown;
  }
  const none = picker.querySelector("[data-picker-none]");
  if (none) none.hidden = left > 0;
}

function best(picker) {
  const typed = picker.querySelector("[data-picker-filter]").value.trim().toLowerCase();
  const shown = [...picker.querySelectorAll("[data-picker-text]:not([hidden])")];
  const exact = shown.find((option) => `/${option.dataset.pickerShortcut}` === typed);
  return (exact ?? shown[0])?.querySelector("input[type=radio]");
}

export function startPicker() {
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-picker-filter]")) narrow(event.target.closest("[data-picker]"));
  });
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches?.("[data-picker-filter]")) return;
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const radio = best(event.target.closest("[data-picker]"));
    if (!radio) return;
    if (!radio.checked) radio.click();
    radio.focus();
  });
}
