// One-key shortcuts can be switched off (WCAG 2.1.4): dictation software and shaky hands set them off by accident.

const STORED = "one-key-shortcuts";
let enabled = true;

export const oneKeyShortcuts = () => enabled;

export const typing = (target) =>
  target.matches?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

export function startKeys() {
  try {
    enabled = localStorage.getItem(STORED) !== "off";
  } catch {
    enabled = true;
  }
  const box = document.querySelector("[data-one-key-shortcuts]");
  if (!box) return;
  box.closest("[hidden]")?.removeAttribute("hidden");
  box.checked = enabled;
  box.addEventListener("change", () => {
    enabled = box.checked;
    try {
      localStorage.setItem(STORED, enabled ? "on" : "off");
    } catch {
      // For this page only.
    }
  });
}
