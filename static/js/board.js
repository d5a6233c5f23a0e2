// The live board by hand and by keyboard. The selection lives here: a selected chat that is no longer
// in the list (rows.js) stays selected. What a preview has shown is what may be sent at most: chats
// that end are skipped, and new ones stay out until somebody asks for them.

import { oneKeyShortcuts, typing } from "./keys.js";
import { readPromise } from "./promise.js";
import { bringIn, startRows } from "./rows.js";

const selected = new Set();
let anchor = null;
// "Select all that match": { query, total } instead of a list of ids.
let everything = null;
// The chats of its preview, once that is there: what matches since then is not among them.
let promised = null;

const list = () => document.getElementById("board-rows");
const panel = () => document.querySelector("[data-compose-panel]");
// The chat that the page is of: it stays selected.
const ownChat = () => panel()?.dataset.composeChat;
const boxes = () => [...(list()?.querySelectorAll('input[name="interaction"]') ?? [])];
// Those that can still be sent to.
const liveBoxes = () => boxes().filter((box) => !box.closest("[data-state]"));
const boxOf = (id) => boxes().find((box) => box.value === id);

function readMarks() {
  for (const box of boxes()) if (box.checked) selected.add(box.value);
}

const setField = (selector, value) => {
  const field = document.querySelector(selector);
  if (field) field.value = value;
};

// Chats that are selected but not in the list travel in one hidden field of the compose form.
function writeMarks() {
  const shown = new Set();
  for (const box of boxes()) {
    box.checked = everything ? (promised?.has(box.value) ?? true) : selected.has(box.value);
    shown.add(box.value);
  }
  setField("[data-selection-rest]", [...selected].filter((id) => !shown.has(id)).join(" "));
  setField("[data-everything]", everything ? "1" : "");
  setField("[data-filters]", everything?.query ?? "");
}

const formFor = (count, forms) => forms[new Intl.PluralRules(document.documentElement.lang).select(count)] ?? forms.other;

function showCount() {
  const count = everything?.total ?? selected.size;
  for (const element of document.querySelectorAll("[data-selection-count]")) {
    element.textContent = count.toLocaleString(document.documentElement.lang);
    const words = element.parentElement.querySelector("[data-number-words]");
    if (words) words.textContent = formFor(count, JSON.parse(words.dataset.numberWords));
  }
  for (const element of document.querySelectorAll("[data-selection-any]")) element.hidden = !count;
  for (const element of document.querySelectorAll("[data-selection-none]")) element.hidden = count > 0;
  const all = document.querySelector("[data-select-all]");
  if (all) {
    const shown = liveBoxes();
    const marked = shown.filter((box) => box.checked).length;
    all.checked = marked > 0 && marked === shown.length;
    all.indeterminate = marked > 0 && marked < shown.length;
  }
}

// Until the preview of the last change is there, the button would say what is no longer true, so it
// does nothing. An answer that was asked for before that change does not release it.
let changes = 0;

function holdButton() {
  changes += 1;
  disableButton();
}

function disableButton() {
  const button = document.querySelector("[data-send-button]");
  if (button) button.disabled = true;
}

function askPreview() {
  holdButton();
  promised = null;
  document.querySelector("[data-preview-source]")?.dispatchEvent(new CustomEvent("selection", { bubbles: false }));
}

function changed() {
  writeMarks();
  showCount();
  askPreview();
}

function mark(ids, on) {
  everything = null;
  for (const id of ids) {
    if (on) selected.add(id);
    else selected.delete(id);
  }
  changed();
}

function range(from, to) {
  const ids = boxes().map((box) => box.value);
  const [a, b] = [ids.indexOf(from), ids.indexOf(to)].sort((x, y) => x - y);
  return a < 0 ? [to] : ids.slice(a, b + 1);
}

function filterQuery() {
  const form = document.getElementById("board-filters");
  return new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();
}

function onChange(event) {
  const box = event.target;
  if (box.matches("[data-select-all]")) {
    mark((box.checked ? liveBoxes() : boxes()).map((each) => each.value), box.checked);
  } else if (box.matches('#board-rows input[name="interaction"]')) {
    mark([box.value], box.checked);
    anchor = box.value;
  } else if (box.closest("#compose") && box.name) {
    holdButton();
  }
}

function onClick(event) {
  if (event.target.closest("[data-clear-selection]")) {
    selected.clear();
    everything = null;
    changed();
    return;
  }
  if (event.target.closest("[data-select-everything]")) {
    selected.clear();
    everything = { query: filterQuery(), total: Number(list().dataset.total) };
    changed();
    return;
  }
  if (event.target.closest("[data-include-new]")) {
    askPreview();
    writeMarks();
    focusButton();
    return;
  }
  if (event.target.closest("[data-open-compose]")) openCompose();
  if (event.target.closest("[data-close-compose]")) closeCompose();
  const row = event.target.closest("#board-rows tr[data-id]");
  if (!row || event.target.closest("a, button, label")) return;
  const box = boxOf(row.dataset.id);
  const { id } = row.dataset;
  if (event.shiftKey && anchor) {
    event.preventDefault();
    getSelection()?.removeAllRanges();
    // The browser undoes a prevented click on the box itself after this handler.
    setTimeout(() => mark(range(anchor, id), true));
  } else if (event.target !== box && !getSelection()?.toString()) {
    mark([id], !selected.has(id));
    anchor = id;
    box.focus({ preventScroll: true });
  }
}

function openCompose() {
  const side = panel();
  if (!side) return;
  side.dataset.open = "";
  const first = side.querySelector("[data-picker-filter], [data-send-again]");
  first?.focus();
}

function closeCompose() {
  delete panel()?.dataset.open;
  (boxes().find((box) => box.checked) ?? boxes()[0])?.focus();
}

function step(current, by, extend) {
  const all = boxes();
  const at = all.indexOf(current);
  const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
  if (!next) return;
  if (extend) mark([current?.value, next.value].filter(Boolean), true);
  anchor = extend ? anchor : next.value;
  next.focus();
  next.closest("tr").scrollIntoView({ block: "nearest" });
}

// A field that was just left asks for a new preview; the button follows it.
function focusButton() {
  const button = document.querySelector("[data-send-button]");
  if (button && !button.disabled) button.focus();
  else document.body.addEventListener("htmx:oobAfterSwap", onSendBar);
}

// The saved views' counts come in the same way, and each second.
function onSendBar({ detail }) {
  if (detail.target.id !== "send-bar") return;
  document.body.removeEventListener("htmx:oobAfterSwap", onSendBar);
  document.querySelector("[data-send-button]")?.focus();
}

const inList = (target) => list()?.contains(target);

function onKey(event) {
  const { key, target } = event;
  if (!(list() || ownChat()) || document.querySelector("dialog[open]")) return;
  if (key === "Escape" && panel()?.contains(target)) return closeCompose();
  if (key === "Enter" && (event.metaKey || event.ctrlKey) && panel()?.contains(target)) {
    event.preventDefault();
    target.blur();
    focusButton();
    return;
  }
  // Enter in a field must never send to customers: only the button does.
  if (key === "Enter" && typing(target) && target.closest("#compose")) {
    event.preventDefault();
    return;
  }
  if (!list() || typing(target) || target.closest("[data-compose-panel], .nav, .topbar")) return;
  if (onListKey(event)) event.preventDefault();
}

function onListKey({ key, target, shiftKey, metaKey, ctrlKey }) {
  const box = inList(target) ? target.closest("tr")?.querySelector('input[name="interaction"]') : null;
  if (key === "ArrowDown" || key === "ArrowUp") step(box, key === "ArrowDown" ? 1 : -1, shiftKey);
  else if (key.toLowerCase() === "a" && (metaKey || ctrlKey)) mark(liveBoxes().map((each) => each.value), true);
  else if (metaKey || ctrlKey) return false;
  else if (key === "Escape" && (selected.size || everything)) mark([...selected], false);
  else if (key === "Enter" && (target === box || target === document.body) && (selected.size || everything)) openCompose();
  else if (!oneKeyShortcuts()) return false;
  else if (key === "/") document.querySelector("[data-board-search]")?.focus();
  else if (key === "x" && box) mark([box.value], !selected.has(box.value));
  else return false;
  return true;
}

// Rows came or went: marks are set again. The preview stays as it was: what it said is the most that
// is sent. Whether more has come that it could be asked for is said beside the button.
function onRows() {
  if (everything && everything.query !== filterQuery()) {
    everything = null;
    askPreview();
  }
  writeMarks();
  showCount();
  if (everything) document.getElementById("newcomers")?.dispatchEvent(new CustomEvent("moved"));
}

// How many chats "all that match" were when the preview was made.
async function onPreview() {
  const shown = document.getElementById("preview")?.dataset.targets;
  if (!everything || !shown) return;
  everything.total = Number(shown);
  const ofPreview = everything;
  const chats = await readPromise(document.querySelector('[name="expected_plan"]')?.value);
  if (everything !== ofPreview) return;
  promised = chats;
  writeMarks();
  showCount();
}

function onSwap(event) {
  const { target } = event;
  if (target.id === "board-rows") onRows();
  if (!panel()?.contains(target)) return;
  // Once: while the sent ones are followed there, the next are chosen in the list.
  if (target === panel() && target.querySelector("[data-sent]")) {
    selected.clear();
    if (ownChat()) selected.add(ownChat());
    everything = null;
  }
  writeMarks();
  showCount();
  if (target.id === "preview") onPreview();
}

// Somebody has chosen chats, or is writing what they are to get.
const isChoosing = () =>
  selected.size > 0 || everything !== null || panel()?.dataset.open !== undefined || panel()?.contains(document.activeElement);

const isPreview = (event) => event.detail.elt?.matches?.("[data-preview-source]");

function onPreviewAsked(event) {
  if (isPreview(event)) event.detail.xhr.answersChange = changes;
}

function onPreviewAnswered(event) {
  const { xhr } = event.detail;
  if (xhr?.answersChange !== undefined && xhr.answersChange !== changes) disableButton();
}

// Ways in which the page takes an answer of the server, for morph.js.
export const ROWS = { rows: bringIn };

// What was chosen before, for a composition that comes back: chats, or all that match filters.
export function adopt(ids, query) {
  selected.clear();
  for (const id of ids) selected.add(id);
  everything = query === null ? null : { query, total: Number(list().dataset.total) };
  writeMarks();
  showCount();
}

export function startBoard() {
  if (!list() && !ownChat()) return;
  if (list()) startRows(isChoosing, onRows);
  readMarks();
  // The page was opened with all of its chats chosen.
  if (document.querySelector("[data-everything]")?.value && list().dataset.total !== "0") {
    everything = { query: filterQuery(), total: Number(list().dataset.total) };
  }
  const rest = document.querySelector("[data-selection-rest]")?.value ?? "";
  for (const id of rest.split(" ").filter(Boolean)) selected.add(id);
  writeMarks();
  showCount();
  document.addEventListener("change", onChange);
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  // At once and not after settling: between the two a form would be read without the marks.
  document.body.addEventListener("htmx:afterSwap", onSwap);
  document.body.addEventListener("htmx:beforeSend", onPreviewAsked);
  document.body.addEventListener("htmx:afterSwap", onPreviewAnswered);
  // What was chosen while the scripts were still on their way was heard by nobody.
  document.body.addEventListener("htmx:load", askIfChosen, { once: true });
}

function askIfChosen() {
  if (everything || document.querySelector('[data-preview-source] [name="notice"]:checked')) askPreview();
}
