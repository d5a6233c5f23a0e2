// A draft that is the person's own saves itself on the server while they rest, and when they look
// away. It is never submitted by itself, and what somebody else saved is never written over.

import { typedOf } from "./fields.js";
import { isChanged, isSaved, isSentOff, keepNow, stateOf } from "./unsaved.js";

const REST_MS = 20_000;
const BETWEEN_MS = 30_000;
const ANSWER_MS = 15_000;

let form = null;
let timer = 0;
let last = -Infinity;
let running = null;
// What was sent and not answered: it may be saved, so it is asked again before anything else.
let unanswered = null;

const said = () => document.querySelector("[data-draft-state]");

function say(name, values = {}) {
  const place = said();
  if (!place) return;
  const text = place.dataset[name] ?? "";
  place.textContent = Object.entries(values).reduce((words, [key, value]) => words.replaceAll(`{${key}}`, value), text);
}

const clock = () =>
  new Date().toLocaleTimeString(document.documentElement.lang, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });

async function post(body) {
  const late = new AbortController();
  const gone = setTimeout(() => late.abort(), ANSWER_MS);
  try {
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
    const sent = { method: "POST", body, headers, redirect: "manual", signal: late.signal };
    const answer = await fetch(form.dataset.savesItself, sent);
    const read = answer.headers.get("Content-Type")?.startsWith("application/json");
    if (answer.type === "opaqueredirect" || !read) return { known: answer.type === "opaqueredirect" || answer.status < 500 };
    return { known: true, ok: answer.ok, ...(await answer.json()) };
  } catch {
    return { known: false };
  } finally {
    clearTimeout(gone);
  }
}

async function save(fields, typed) {
  last = performance.now();
  const answer = await post(new URLSearchParams(fields));
  unanswered = answer.known ? null : { fields, typed };
  if (answer.ok) {
    form.elements.expected.value = answer.expected;
    isSaved(form, typed);
    if (isChanged(form)) later();
    say("saved", { time: clock() });
  } else if (answer.message) {
    say("refused", { why: answer.message });
  } else {
    say("silent");
    if (!answer.known) later();
  }
}

async function saveNow() {
  clearTimeout(timer);
  timer = 0;
  // The form itself is under way, or its text was discarded: saving beside that would contradict it.
  if (running || !form?.isConnected || isSentOff()) return;
  if (unanswered) await (running = save(unanswered.fields, unanswered.typed));
  else if (isChanged(form)) await (running = save([...new FormData(form)], typedOf(form)));
  running = null;
}

function later() {
  clearTimeout(timer);
  const rest = Math.max(REST_MS, last + BETWEEN_MS - performance.now());
  timer = setTimeout(saveNow, rest);
}

// Before the form itself is sent: two saves at the same time would conflict with each other.
export async function settleDraft(sent) {
  if (sent !== form || !form) return;
  clearTimeout(timer);
  if (running) await running;
  if (unanswered) await save(unanswered.fields, unanswered.typed);
  clearTimeout(timer);
}

export function startDrafts() {
  form = document.querySelector("form[data-saves-itself]");
  if (!form || !stateOf(form)) return;
  form.addEventListener("input", later);
  form.addEventListener("change", later);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      keepNow(form);
      saveNow();
    }
  });
  document.addEventListener("console:back", () => (unanswered || isChanged(form)) && saveNow());
}
