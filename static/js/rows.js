// The board's list while chats come and go. What is known of a chat changes in its row; an ended chat
// stays where it stands, and says so. New rows are brought in and ended ones taken out when nobody
// is at the list, or when somebody asks for it ("4 new, 2 ended · Show"): no row moves under a hand.
// The list's new state comes as a whole (bringIn), or row by row (differences.js).

import { morph } from "./morph.js";

// The newest answer, for the list that it is of, while that is in somebody's hands.
let held = { list: null, fresh: null };
let isChoosing = () => false;
let onArranged = () => {};
// What the server has of each list, whatever stands on the page.
const known = new WeakMap();
let lastSaid = -Infinity;
const SAY_AGAIN_MS = 60_000;

const scroller = (list) => list.querySelector(".board__scroll");
const body = (list) => list.querySelector("tbody:not([data-aside])");
const rowsOf = (part) => [...(part?.rows ?? [])];
const isOver = (row) => Boolean(row.dataset.state);

function isInHand(list) {
  const part = scroller(list);
  const marked = getSelection();
  return (
    part.scrollTop > 0 ||
    document.scrollingElement.scrollTop > 0 ||
    part.matches(":hover") ||
    part.contains(document.activeElement) ||
    (marked && !marked.isCollapsed && part.contains(marked.anchorNode)) ||
    isChoosing()
  );
}

function patch(list, rows) {
  const shown = new Map(rowsOf(body(list)).map((row) => [row.dataset.id, row]));
  for (const row of rows) {
    const old = shown.get(row.dataset.id);
    if (!old || old.dataset.rev === row.dataset.rev) continue;
    if (row.cells.length) morph(old, row.cloneNode(true));
    else markGone(old, row);
  }
}

// Of a chat that this person may not see any more nothing is told anew.
function markGone(old, row) {
  old.dataset.state = row.dataset.state;
  old.dataset.rev = row.dataset.rev;
  old.classList.add("board__row--over");
  old.querySelector(".board__state").textContent = row.dataset.words;
}

function arrange(list, fresh) {
  const [old, next] = [body(list), body(fresh)];
  if (old && next) morph(old, next);
  else morph(scroller(list), scroller(fresh));
}

// The server's list, as it is known here.
export function knownOf(list) {
  if (!known.has(list)) known.set(list, list.cloneNode(true));
  return known.get(list);
}

export const knownBody = (list) => body(knownOf(list));

// Rows have changed, and if `isOther`, which rows the list has or their order. `rows` has those that
// have left it as well. The server's list (knownOf) is as it is now.
export function follow(list, rows, isOther) {
  if (isInHand(list)) {
    patch(list, rows);
    held = { list, fresh: knownOf(list) };
  } else {
    if (isOther || held.list === list) arrange(list, knownOf(list).cloneNode(true));
    else patch(list, rows);
    held = { list: null, fresh: null };
  }
  tell(list);
  onArranged();
}

// How many chats there are is said by the bar below the list.
export function takeTotal(list, total, bar) {
  list.dataset.total = total;
  const fresh = document.createElement("div");
  fresh.append(bar);
  for (const added of morphPart(list, fresh, ".selection")) window.htmx.process(added);
  onArranged();
}

// htmx has the list's new state: `fresh` is the whole of it.
export function bringIn(list, fragment) {
  const fresh = fragment.firstElementChild;
  known.set(list, fresh.cloneNode(true));
  const isHeld = body(list) && isInHand(list);
  const news = [morphPart(list, fresh, ".selection"), morphPart(list, fresh, "thead")].flat();
  for (const name of ["hx-get", "data-total", "data-live-rows"]) list.setAttribute(name, fresh.getAttribute(name));
  window.htmx.process(list);
  if (isHeld) {
    patch(list, fresh.querySelectorAll("tbody tr"));
    held = { list, fresh: knownOf(list) };
  } else {
    arrange(list, fresh);
    held = { list: null, fresh: null };
  }
  tell(list);
  return news;
}

function morphPart(list, fresh, name) {
  const [old, next] = [list.querySelector(name), fresh.querySelector(name)];
  return old && next ? morph(old, next) : [];
}

// --- The bar that says what is held back -----------------------------------------------------

function counted(list) {
  const shown = new Set(rowsOf(body(list)).map((row) => row.dataset.id));
  const over = rowsOf(body(list)).filter(isOver);
  const ended = over.filter((row) => row.dataset.state === "ended").length;
  const waiting = held.list === list ? rowsOf(body(held.fresh)) : [];
  return { new: waiting.filter((row) => !shown.has(row.dataset.id)).length, ended, left: over.length - ended };
}

function tell(list) {
  const bar = list.querySelector("[data-news]");
  const text = bar.querySelector("[data-news-text]");
  const said = Object.entries(counted(list)).filter(([, number]) => number);
  const language = document.documentElement.lang;
  const words = said.map(([name, number]) => text.dataset[name].replace("{n}", number.toLocaleString(language)));
  if (text.textContent !== words.join(", ")) text.textContent = words.join(", ");
  const wasHidden = bar.hidden;
  bar.hidden = !words.length;
  if (bar.hidden) return;
  // Those who don't see the bar hear of it when it comes, and then now and again.
  if (wasHidden || performance.now() - lastSaid > SAY_AGAIN_MS) {
    lastSaid = performance.now();
    list.querySelector("[data-news-said]").textContent = text.textContent;
  }
}

// What stands in view stays there: the first row that stays is where the eye holds on.
function show(list) {
  if (held.list !== list) return;
  const { fresh } = held;
  const part = scroller(list);
  const stays = new Set(rowsOf(body(fresh)).map((row) => row.dataset.id));
  const top = part.getBoundingClientRect().top + (part.querySelector("thead")?.offsetHeight ?? 0);
  const eye = rowsOf(body(list)).find((row) => stays.has(row.dataset.id) && row.getBoundingClientRect().bottom > Math.max(top, 0));
  const isAtTop = part.scrollTop === 0 && document.scrollingElement.scrollTop === 0;
  const before = eye?.getBoundingClientRect().top;
  held = { list: null, fresh: null };
  arrange(list, fresh.cloneNode(true));
  if (eye && !isAtTop) scrollBy(part, () => eye.getBoundingClientRect().top - before);
  tell(list);
  eye?.querySelector("input, a")?.focus({ preventScroll: true });
}

// In whichever of the two scrolls: the list, or on a low screen the page.
function scrollBy(part, off) {
  part.scrollTop += off();
  document.scrollingElement.scrollTop += off();
}

// The server is asked what became of the rows that stand here, also where others are next to come.
function nameShown(event) {
  const { elt, parameters } = event.detail;
  if (elt.id !== "board-rows") return;
  const shown = rowsOf(body(elt)).filter((row) => !isOver(row)).map((row) => row.dataset.id);
  parameters.shown = shown.join("\n");
}

// `choosing` says whether somebody has chosen chats, or composes.
export function startRows(choosing, arranged) {
  isChoosing = choosing;
  onArranged = arranged;
  document.body.addEventListener("htmx:configRequest", nameShown);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-news-show]");
    if (!button) return;
    show(button.closest("#board-rows"));
    arranged();
  });
}
