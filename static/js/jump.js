// Ctrl-K or Cmd-K: search everything, from anywhere and without the mouse. The focus stays in the
// box, and the arrows choose among what is found (the combobox pattern of ARIA). Closing leaves the
// page as it was: the focus goes back to where it was, and what was typed there stays.

import { forget, forgetAll, recents, remember, startRecents } from "./recents.js";

const DEBOUNCE_MS = 150;

let dialog, input, list;
let timer = 0;
let controller = null;
// What the shown answer answers; null while there is none.
let answered = null;
// Enter before its answer is there: the first hit opens once it is.
let wanted = null;

const options = () => [...list.querySelectorAll("[role=option]")];
const chosen = () => list.querySelector('[aria-selected="true"]');
const words = (name) => dialog.dataset[`words${name}`];

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
}

function say(status, trouble = "") {
  dialog.querySelector("[data-status]").textContent = status;
  dialog.querySelector("[data-trouble]").textContent = trouble;
}

function show(nodes) {
  list.replaceChildren(...nodes);
  list.removeAttribute("aria-busy");
  input.setAttribute("aria-expanded", String(nodes.length > 0));
  list.scrollTop = 0;
  choose(options()[0]);
}

function fail(trouble) {
  wanted = null;
  answered = null;
  show([]);
  say("", trouble);
}

function move(step) {
  const all = options();
  if (!all.length) return;
  const at = all.indexOf(chosen());
  choose(all[(at + step + all.length) % all.length]);
}

function open(option, newTab) {
  if (!option) return;
  remember(option.dataset.ref);
  if (newTab) {
    window.open(option.href, "_blank", "noopener");
    return;
  }
  // Closed first: the next page may be this one, with the focus elsewhere.
  dialog.close();
  location.assign(option.href);
}

function address() {
  const query = new URLSearchParams({ q: input.value });
  if (!input.value.trim()) {
    for (const each of recents()) if (each !== dialog.dataset.recent) query.append("recent", each);
  }
  return `${dialog.dataset.searchUrl}?${query}`;
}

async function ask() {
  clearTimeout(timer);
  controller?.abort();
  const mine = new AbortController();
  controller = mine;
  const typed = input.value;
  const url = address();
  list.setAttribute("aria-busy", "true");
  say(words("Searching"));
  try {
    const response = await fetch(url, { headers: { "HX-Request": "true" }, signal: mine.signal });
    const html = await response.text();
    if (controller === mine) answer(response, html, typed, url);
  } catch {
    if (controller === mine) fail(words("Failed"));
  }
}

function answer(response, html, typed, url) {
  if (response.redirected) return fail(words("SignedOut"));
  // 503 says by Retry-After that others search, too.
  if (response.status === 429 || (response.status === 503 && response.headers.has("Retry-After"))) {
    const seconds = Number(response.headers.get("Retry-After")) || 60;
    timer = setTimeout(ask, seconds * 1000);
    return fail(words("TooMany").replace("{seconds}", seconds));
  }
  if (!response.ok && response.status !== 422) return fail(words("Failed"));
  const found = new DOMParser().parseFromString(html, "text/html").querySelector("[data-count]");
  if (!found) return fail(words("Failed"));
  answered = typed;
  const empty = !found.childElementCount;
  show([...found.children]);
  say(empty ? "" : found.dataset.words, empty ? found.dataset.words : "");
  const asked = new URL(url, location).searchParams.getAll("recent");
  if (asked.length) {
    const there = new Set(options().map((each) => each.dataset.ref));
    forget(asked.filter((each) => !there.has(each)));
  }
  dialog.querySelector("[data-clear-recents]").hidden = !list.querySelector("#found-recents");
  if (wanted) {
    const { newTab } = wanted;
    wanted = null;
    open(chosen(), newTab);
  }
}

function onInput() {
  wanted = null;
  clearTimeout(timer);
  timer = setTimeout(ask, DEBOUNCE_MS);
}

function onEnter(newTab) {
  if (answered === input.value) return open(chosen(), newTab);
  wanted = { newTab };
  ask();
}

function onKey(event) {
  if (event.isComposing || event.target !== input) return;
  const { key } = event;
  if (key === "ArrowDown") move(1);
  else if (key === "ArrowUp") move(-1);
  else if (key === "PageDown") move(Math.min(8, options().length - 1 - options().indexOf(chosen())));
  else if (key === "PageUp") move(-Math.min(8, options().indexOf(chosen())));
  else if (key === "Enter") onEnter(event.ctrlKey || event.metaKey);
  else return;
  event.preventDefault();
}

function onClick(event) {
  if (event.target.closest("[data-clear-recents]")) {
    forgetAll();
    input.focus();
    ask();
    return;
  }
  const option = event.target.closest("[role=option]");
  if (!option) return;
  remember(option.dataset.ref);
  if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(option, false);
  }
}

// Before it opens, so that what is typed at once is not lost.
function prepare() {
  input.value = "";
  answered = null;
  wanted = null;
  show([]);
  ask();
}

// Also over another dialog: that stays, and has the focus again afterwards.
function openBox() {
  if (dialog.open) {
    input.select();
    return;
  }
  prepare();
  dialog.showModal();
}

function onClose() {
  if (dialog.open) return; // it was opened again meanwhile
  clearTimeout(timer);
  controller?.abort();
  controller = null;
}

export function startJump() {
  dialog = document.getElementById("jump");
  if (!dialog) return;
  input = dialog.querySelector("input");
  list = dialog.querySelector("[role=listbox]");
  startRecents(dialog.dataset);
  input.addEventListener("input", onInput);
  dialog.addEventListener("keydown", onKey);
  dialog.addEventListener("click", onClick);
  dialog.addEventListener("close", onClose);
  document.querySelector("[data-opens-dialog='jump']")?.addEventListener("click", (event) => {
    if (!event.metaKey && !event.ctrlKey && !event.shiftKey) prepare();
  });
  document.addEventListener("keydown", (event) => {
    const plain = !event.shiftKey && !event.altKey;
    if ((event.metaKey || event.ctrlKey) && plain && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openBox();
    }
  });
}
