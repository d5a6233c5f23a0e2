// The composition that was not sent, or of which nobody knows whether it was: it stays in the
// browser with its key, by which the console sends it one time at most, however often it is asked.

import { adopt } from "./board.js";
import { throwAway, timeOf } from "./kept.js";
import { fieldsOf } from "./fields.js";
import { meta } from "./session.js";
import {
  describeWith,
  inWords,
  isLeaving,
  isTaken,
  keepNow,
  offerWith,
  showNote,
  stateOf,
  watchIn,
} from "./unsaved.js";

const LOOK_AGAIN_MS = 4000;

const composer = () => document.getElementById("compose");
const value = (fields, name) => fields.find(([known]) => known === name)?.[1] ?? "";

function aboutOf(form) {
  const notice = form.querySelector("[name=notice]:checked")?.closest("label")?.querySelector(".picker__title");
  const count = document.querySelector("[data-selection-count]")?.textContent ?? "";
  return { notice: notice?.firstElementChild?.textContent.trim() ?? "", count };
}

function said(name, copy) {
  const { notice, count } = copy.about ?? {};
  const chats = count === "1" ? inWords("oneChat", {}) : inWords("manyChats", { count: count ?? "" });
  const title = notice || inWords("noNotice", {});
  return inWords(name, { notice: title, chats, time: timeOf(copy.pressed?.at ?? copy.at) });
}

// --- Before and after Send ------------------------------------------------------------------------

function onAsked({ detail }) {
  const form = detail.elt;
  if (form !== composer() || !stateOf(form)) return;
  keepNow(form, { pressed: { at: Date.now(), outcome: "unknown" } });
}

// Nobody knows whether it was taken: asked again and again, until the console says.
export function composeIsUnknown(form) {
  if (form !== composer() || !stateOf(form)) return false;
  const copy = { about: aboutOf(form), at: Date.now(), fields: fieldsOf(form) };
  const note = sayBesideSend(form, said("sendUnknown", copy));
  lookUntilKnown(form, note, copy);
  return true;
}

function sayBesideSend(form, text) {
  form.querySelector("[data-send-unknown]")?.remove();
  const note = document.getElementById("send-unknown").content.firstElementChild.cloneNode(true);
  note.querySelector("[data-words]").textContent = text;
  document.getElementById("send-bar").before(note);
  return note;
}

async function sentAs(key) {
  const late = new AbortController();
  const gone = setTimeout(() => late.abort(), LOOK_AGAIN_MS * 2);
  try {
    const url = `${meta("sent-url")}?idempotency_key=${encodeURIComponent(key)}`;
    const answer = await fetch(url, { redirect: "manual", cache: "no-store", signal: late.signal });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  } finally {
    clearTimeout(gone);
  }
}

async function lookUntilKnown(form, note, copy) {
  const key = value(copy.fields, "idempotency_key");
  const asks = () => note.isConnected && value(fieldsOf(form), "idempotency_key") === key;
  note.querySelector("[data-find-out]").addEventListener("click", () => look());
  async function look() {
    if (!asks()) return;
    const found = await sentAs(key);
    if (!asks()) return;
    if (found?.send) showSent(form, note, copy, key, found);
    else {
      if (found) note.querySelector("[data-words]").textContent = said("sendNotYet", copy);
      setTimeout(look, LOOK_AGAIN_MS);
    }
  }
  setTimeout(look, LOOK_AGAIN_MS / 2);
}

function showSent(form, note, copy, key, found) {
  const unchanged = JSON.stringify(fieldsOf(form)) === JSON.stringify(copy.fields);
  if (!unchanged) {
    note.querySelector("[data-words]").textContent = inWords("sendOther", { send: found.send });
    note.querySelector("[data-find-out]").remove();
    return;
  }
  isTaken(form);
  const url = `${meta("sent-url")}?idempotency_key=${encodeURIComponent(key)}`;
  window.htmx.ajax("GET", url, { target: "#compose-panel", swap: "innerHTML" }).catch(() => {});
}

// --- Opening the board again ----------------------------------------------------------------------

let returning = "";

async function onOffer(event) {
  const form = event.target;
  if (form !== composer()) return;
  event.preventDefault();
  const copy = event.detail;
  if (copy.id === returning) return;
  if (copy.pressed?.outcome === "unknown") {
    const found = await sentAs(value(copy.fields, "idempotency_key"));
    if (found?.send) {
      throwAway(copy.id);
      sayTaken(form, copy, found);
      return;
    }
  }
  const name = { "signed-out": "sendSignedOut", unknown: "sendNotYet" }[copy.pressed?.outcome] ?? "sendKept";
  offerWith(form, copy, said(name, copy), () => putBack(copy));
  if (copy.pressed || copy.about?.notice) openPanel();
}

function sayTaken(form, copy, found) {
  const note = showNote(form, said("sendTaken", copy).replace("{send}", found.send), { actions: false });
  const link = Object.assign(document.createElement("a"), { href: found.address, textContent: inWords("itsPage", {}) });
  note.querySelector("[data-words]").append(" ", link);
  openPanel();
}

const openPanel = () => {
  document.querySelector("[data-compose-panel]").dataset.open = "";
};

function chatsOf(fields) {
  const one = fields.filter(([name]) => name === "interaction").map(([, id]) => id);
  return [...new Set([...one, ...value(fields, "interactions").split(" ").filter(Boolean)])];
}

async function putBack(copy) {
  const { fields } = copy;
  const everything = value(fields, "everything");
  const url = new URL(copy.path, location);
  // "All that match" is said of the filters that are set: first these, then the composition.
  if (everything && new URLSearchParams(location.search).toString() !== url.searchParams.toString()) {
    isLeaving();
    location.assign(url);
    return;
  }
  const values = Object.fromEntries(fields.filter(([name]) => name !== "interaction"));
  values.interactions = everything ? "" : chatsOf(fields).join(" ");
  values.csrfmiddlewaretoken = meta("csrf-token");
  returning = copy.id;
  try {
    await window.htmx.ajax("POST", meta("compose-url"), { target: "#compose-panel", swap: "innerHTML", values });
  } catch {
    return; // said by whoever hears of requests; the copy stays
  }
  const form = composer();
  if (!form || value(fieldsOf(form), "idempotency_key") !== values.idempotency_key) return;
  adopt(chatsOf(fields), everything ? value(fields, "filters") : null);
  watchIn(form);
  keepNow(form);
  throwAway(copy.id);
}

export function startComposing() {
  if (!composer()) return;
  document.addEventListener("console:offer", onOffer);
  document.body.addEventListener("htmx:beforeRequest", onAsked);
  describeWith((form) => (form === composer() ? aboutOf(form) : undefined));
}

