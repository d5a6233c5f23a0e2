// What was typed and not saved, in this browser alone: one copy for each form of each opened page,
// under the person's id, so that nobody else at the same machine is offered it. A copy goes when it
// was saved, when it is thrown away, and when its time is over.

import { meta, person } from "./session.js";
import { toast } from "./toasts.js";

const PREFIX = "unsaved:";
const HOUR_MS = 3_600_000;

let told = false;

const hours = () => Number(meta("unsaved-hours") || 0);

function nameOf(id) {
  return `${PREFIX}${person()}:${id}`;
}

function read(name) {
  try {
    const copy = JSON.parse(localStorage.getItem(name));
    return Array.isArray(copy?.fields) ? copy : null;
  } catch {
    return null;
  }
}

function names(prefix) {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

// Whether something stays in the browser at all: it may be switched off, forbidden or full.
export let canKeep = true;

export function keep(copy) {
  if (!hours() || !person()) {
    canKeep = false;
    return;
  }
  try {
    localStorage.setItem(nameOf(copy.id), JSON.stringify(copy));
    canKeep = true;
  } catch {
    canKeep = false;
    if (!told) toast(meta("words-not-kept"));
    told = true;
  }
}

export function throwAway(id) {
  try {
    localStorage.removeItem(nameOf(id));
  } catch {
    // Where nothing can be kept there is nothing to throw away.
  }
}

// The person's copies, newest first: of one form, or all.
export function copies(key = null) {
  return names(`${PREFIX}${person()}:`)
    .map(read)
    .filter((copy) => copy && (key === null || copy.key === key))
    .sort((a, b) => b.at - a.at);
}

// Anybody's: whoever it was may never come back to this machine.
export function throwOldAway() {
  const oldest = Date.now() - hours() * HOUR_MS;
  for (const name of names(PREFIX)) {
    const copy = read(name);
    if (copy === null || copy.at < oldest) localStorage.removeItem(name);
  }
}

export const newId = () => [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => byte.toString(36)).join("");

export function timeOf(at) {
  const day = { day: "numeric", month: "short" };
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const isToday = new Date(at).toDateString() === new Date().toDateString();
  return new Date(at).toLocaleString(document.documentElement.lang, isToday ? time : { ...day, ...time });
}
