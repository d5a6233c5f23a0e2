// Keeps "2 min ago", waiting times and countdowns true between two answers of the server, by its clock.

import { left, likelyNow, needNarrow, serverNow, startServerClock } from "./server-clock.js";

const language = document.documentElement.lang || "en";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const oneDecimal = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const STEPS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
// How exactly the server's time is to be known for the one and for the other.
const COUNTDOWN_MS = 100;
const WAITING_MS = 300;
// A browser is late by some milliseconds with what is to change: a countdown is so much ahead.
const LATE_SECONDS = 0.05;
const SOONEST_MS = 20;
const SOONEST_SECOND_MS = 200;
const LATEST_MS = 10_000;

let timer = 0;

export function ago(seconds) {
  const size = Math.abs(seconds);
  if (size < 5) return relative.format(0, "second");
  const [unit, length] = STEPS.find(([, least]) => size >= least) ?? STEPS.at(-1);
  // "2 min ago", as the server writes it, rather than "2 min. ago".
  return relative.format(-Math.sign(seconds) * Math.floor(size / length), unit).replace(".", "");
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = pad(whole % 60);
  return hours ? `${hours}:${pad(minutes)}:${tail}` : `${minutes}:${tail}`;
}

// What is left at least, in tenths and never more than it is.
export function countdown(seconds) {
  const tenths = Math.max(0, Math.floor(10 * (seconds - LATE_SECONDS)));
  return { text: oneDecimal.format(tenths / 10), changesIn: tenths ? seconds - LATE_SECONDS - tenths / 10 : Infinity };
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The time to undo is over for certain: the button must not promise it any more. Whether it was too late is for
// the server to say, so what is pressed before is asked for.
function endUndo(element) {
  const undo = element.closest("[data-undo]");
  if (!undo || undo.dataset.undo === "over") return;
  undo.dataset.undo = "over";
  for (const each of undo.querySelectorAll("[data-undo-words]")) each.hidden = each.dataset.undoWords !== "over";
  for (const button of undo.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  const follower = undo.closest("[data-live-topic]");
  follower?.dispatchEvent(new CustomEvent("live", { bubbles: false }));
}

function refuseWhatIsOver(event) {
  if (!event.target.closest?.('[data-undo="over"]')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

// Each of these answers in how many milliseconds something of its kind changes.

function countDown() {
  const elements = document.querySelectorAll("[data-until]");
  if (!elements.length) return Infinity;
  needNarrow(COUNTDOWN_MS);
  const now = serverNow();
  if (now === null) return Infinity;
  let soonest = Infinity;
  for (const element of elements) {
    const { least, most } = left(Date.parse(element.dataset.until), now);
    const { text, changesIn } = Number.isFinite(least) ? countdown(least) : { text: "…", changesIn: Infinity };
    setText(element, text);
    if (most <= 0) endUndo(element);
    else soonest = Math.min(soonest, 1000 * Math.min(changesIn, most));
  }
  return Math.max(SOONEST_MS, soonest);
}

function countUp() {
  const elements = document.querySelectorAll("[data-since]");
  // Whether a chat still waits, nobody knows while the connection is lost.
  if (!elements.length || document.documentElement.hasAttribute("data-stale")) return Infinity;
  needNarrow(WAITING_MS);
  const at = likelyNow();
  let soonest = 1000;
  for (const element of elements) {
    const waited = at - Date.parse(element.dataset.since);
    setText(element, clock(waited / 1000));
    soonest = Math.min(soonest, 1000 - (waited % 1000));
  }
  return Math.max(SOONEST_SECOND_MS, soonest);
}

// What is due at a moment, to the second: what is left, and from then on for how long it is overdue.
function countDue() {
  const elements = document.querySelectorAll("[data-due]");
  if (!elements.length || document.documentElement.hasAttribute("data-stale")) return Infinity;
  needNarrow(WAITING_MS);
  const at = likelyNow();
  let soonest = 1000;
  for (const element of elements) {
    const left = Date.parse(element.dataset.due) - at;
    const shown = left > 0 ? "open" : "over";
    element.classList.toggle("due--over", shown === "over");
    for (const words of element.querySelectorAll("[data-due-words]")) {
      words.hidden = words.dataset.dueWords !== shown;
      setText(words.querySelector("[data-due-clock]"), clock(left > 0 ? Math.ceil(left / 1000) : -left / 1000));
    }
    soonest = Math.min(soonest, left > 0 ? left % 1000 || 1000 : 1000 - (-left % 1000));
  }
  return Math.max(SOONEST_SECOND_MS, soonest);
}

function grow() {
  const at = likelyNow();
  let soonest = LATEST_MS;
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const seconds = (at - Date.parse(element.dateTime)) / 1000;
    setText(element, ago(seconds));
    if (Math.abs(seconds) < 62) soonest = 1000;
  }
  return soonest;
}

function tick() {
  clearTimeout(timer);
  const next = Math.min(countDown(), countUp(), countDue(), grow());
  // Nobody looks at a page that is hidden; it is true again as soon as somebody does.
  if (!document.hidden) timer = setTimeout(tick, Math.min(next, LATEST_MS));
}

// A moment in the time of whoever looks, where none of the zones beside it is theirs.
function showOwnTimes() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const element of document.querySelectorAll("[data-own-time]")) {
    if (element.dataset.zones.split(" ").includes(own)) continue;
    const at = new Date(element.dataset.ownTime);
    const words = at.toLocaleString(document.documentElement.lang, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    setText(element, ` = ${words} ${own}`);
  }
}

function refresh() {
  tick();
  showOwnTimes();
}

export function startTimes() {
  startServerClock();
  refresh();
  // Before what was put in is seen: it was right when the server wrote it, and must not run backwards.
  document.body.addEventListener("htmx:afterSwap", tick);
  document.body.addEventListener("htmx:afterSettle", refresh);
  document.addEventListener("clock:measured", tick);
  document.addEventListener("rows:taken", tick);
  document.addEventListener("visibilitychange", tick);
  addEventListener("pageshow", tick);
  document.addEventListener("submit", refuseWhatIsOver, true);
}
