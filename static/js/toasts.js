// Short messages that leave by themselves; one about a problem stays until it is closed. One at a
// time is shown, the newest, so that they cover little and never what is pressed next.

const SHOWN_MS = 6000;

const region = () => document.querySelector("[data-toasts]");

function showNewest() {
  const all = [...(region()?.children ?? [])];
  const newest = all.at(-1);
  for (const element of all) element.hidden = element !== newest;
  if (!newest || newest.hasAttribute("data-stays") || newest.dataset.leaves) return;
  newest.dataset.leaves = "soon";
  setTimeout(() => close(newest), SHOWN_MS);
}

function close(element) {
  element.remove();
  showNewest();
}

function arm(element) {
  element.querySelector("[data-closes-toast]")?.addEventListener("click", () => close(element));
}

// What it says is over.
export function untoast(words) {
  for (const known of region()?.children ?? []) if (known.querySelector("p").textContent === words) close(known);
}

export function toast(words, { stays = true } = {}) {
  const template = document.getElementById("toast-template");
  if (!region() || !template || !words) return;
  untoast(words);
  const element = template.content.firstElementChild.cloneNode(true);
  element.querySelector("p").textContent = words;
  element.toggleAttribute("data-stays", stays);
  arm(element);
  region().append(element);
  showNewest();
}

export function startToasts() {
  for (const element of region()?.children ?? []) arm(element);
  showNewest();
}
