// Forms that say data-keeps="<where>": what is typed stays in the browser until it is saved, is
// offered when the page is opened again, and leaving the page with it asks.

import { fieldsOf, fill, sendBack, typedOf } from "./fields.js";
import { canKeep, copies, keep, newId, throwAway, throwOldAway, timeOf } from "./kept.js";
import { meta } from "./session.js";

const REST_MS = 300;
const STILL_HERE_MS = 15_000;
const CAME_FROM = "unsaved:came-from";

const watched = new Map(); // form → { id, start, timer, pressed }
const ids = new Map(); // by what a form keeps: a form that comes anew goes on with the same copy
let leaving = false;

const formsIn = (root) => [...(root.matches?.("form[data-keeps]") ? [root] : []), ...root.querySelectorAll("form[data-keeps]")];

export const stateOf = (form) => watched.get(form);

export const isChanged = (form) =>
  form.hasAttribute("data-unsaved") || typedOf(form) !== watched.get(form)?.start;

// On the board choosing is not yet writing: there it is asked only for what was typed.
function wouldBeLost(form) {
  if (!isChanged(form)) return false;
  if (form.id !== "compose") return true;
  const isBack = form.hasAttribute("data-unsaved");
  return [...form.querySelectorAll("input:is([type=text], [type=date], [type=datetime-local])")].some(
    (input) => input.name !== "time_zone" && input.value.trim() && (isBack || input.value !== input.defaultValue),
  );
}

// What is known of a form beside its fields, for the sentences that offer it.
let describe = () => undefined;

export function describeWith(answer) {
  describe = answer;
}

export function keepNow(form, more = {}) {
  const state = watched.get(form);
  if (!state) return;
  clearTimeout(state.timer);
  Object.assign(state, more);
  if (!isChanged(form) && !state.pressed) {
    throwAway(state.id);
    return;
  }
  const title = form.dataset.title ?? document.title.split(" · ")[0];
  const path = location.pathname + location.search;
  keep({
    id: state.id,
    key: form.dataset.keeps,
    at: Date.now(),
    title,
    path,
    base: form.elements.expected?.value ?? "",
    fields: fieldsOf(form),
    typed: typedOf(form),
    pressed: state.pressed,
    about: describe(form),
  });
}

export function keepAll() {
  for (const form of watched.keys()) if (form.isConnected && isChanged(form)) keepNow(form);
}

// The console took it. A form that comes anew under the same name keeps what is new.
export function isTaken(form) {
  const { keeps } = form.dataset;
  const id = watched.get(form)?.id ?? ids.get(keeps);
  if (id) throwAway(id);
  ids.delete(keeps);
  watched.delete(form);
}

// It was saved: what is typed from now on is new.
export function isSaved(form, typed = typedOf(form)) {
  const state = watched.get(form);
  if (!state) return;
  state.start = typed;
  state.pressed = null;
  form.removeAttribute("data-unsaved");
  keepNow(form);
}

function onInput(event) {
  const form = event.target.form ?? event.target.closest?.("form");
  const state = watched.get(form);
  if (!state) return;
  state.pressed = null;
  clearTimeout(state.timer);
  state.timer = setTimeout(() => form.isConnected && keepNow(form), REST_MS);
}

function marked(form, name) {
  let field = form.elements.kept_as;
  if (!field) {
    field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "kept_as" });
    form.append(field);
  }
  field.value = name;
}

function watch(form) {
  if (watched.has(form)) return;
  const { keeps } = form.dataset;
  if (!ids.has(keeps)) ids.set(keeps, newId());
  watched.set(form, { id: ids.get(keeps), start: typedOf(form) });
  marked(form, ids.get(keeps));
  for (const known of watched.keys()) if (!known.isConnected) watched.delete(known);
  if (form.hasAttribute("data-unsaved")) {
    keepNow(form);
    // This page answers a form of this tab, and shows all that was sent.
    const sent = copies(keeps).find(({ id, typed }) => JSON.stringify([id, typed]) === cameFrom());
    if (sent && canKeep) throwAway(sent.id);
  }
  offer(form);
}

export const watchIn = (root) => formsIn(root).forEach(watch);

function cameFrom() {
  try {
    return sessionStorage.getItem(CAME_FROM) ?? "";
  } catch {
    return "";
  }
}

// Of which copy this tab's next page is the answer. What was typed after that is not in it.
export function comesFrom(id, typed) {
  try {
    sessionStorage.setItem(CAME_FROM, JSON.stringify([id, typed]));
  } catch {
    // The next page offers the copy then, although it shows it.
  }
}

// --- The offer ------------------------------------------------------------------------------------

const PLACES = ["unsaved-note", "send-unknown"];

const words = (name) =>
  PLACES.map((id) => document.getElementById(id)?.dataset[name]).find((text) => text !== undefined) ?? "";

export const inWords = (name, values) =>
  Object.entries(values).reduce((text, [key, value]) => text.replaceAll(`{${key}}`, value), words(name));

function sentences(form, copy) {
  const values = { time: timeOf(copy.pressed?.at ?? copy.at), button: copy.pressed?.button ?? "" };
  const pressed = values.button && { "signed-out": "signedOut", unknown: "unknown" }[copy.pressed.outcome];
  const name = pressed || "kept";
  const said = [inWords(name, values)];
  if (copy.base !== (form.elements.expected?.value ?? "")) said.push(words("changed"));
  return said.join(" ");
}

// At the top of the form, or beside the button that was pressed.
export function showNote(form, text, { actions = true, beside = null } = {}) {
  form.querySelector(":scope [data-unsaved-note]")?.remove();
  const note = document.getElementById("unsaved-note").content.firstElementChild.cloneNode(true);
  note.querySelector("[data-words]").textContent = text;
  if (!actions) note.querySelector("[data-actions]").remove();
  const foot = beside?.closest(".card__foot, .form__actions, .dialog__foot");
  if (foot?.matches(".editor__foot")) foot.prepend(note); // which stays in sight
  else if (foot) foot.before(note);
  else (form.querySelector("[data-unsaved-place]") ?? form).prepend(note);
  return note;
}

function offer(form) {
  const own = watched.get(form).id;
  const page = typedOf(form);
  const isInDialog = Boolean(form.closest("dialog")); // which comes anew in the same page
  const found = copies(form.dataset.keeps).filter((copy) => copy.id !== own || isInDialog);
  for (const copy of found) if (copy.typed === page) throwAway(copy.id);
  const copy = found.find(({ typed }) => typed !== page);
  if (!copy) return;
  const question = new CustomEvent("console:offer", { bubbles: true, cancelable: true, detail: copy });
  if (!form.dispatchEvent(question)) return; // somebody else offers it
  if (isInDialog) putBack(form, copy);
  else offerWith(form, copy, sentences(form, copy), () => putBack(form, copy));
}

export function offerWith(form, copy, text, back) {
  const note = showNote(form, text);
  note.querySelector("[data-put-back]").addEventListener("click", back);
  note.querySelector("[data-throw-away]").addEventListener("click", () => {
    throwAway(copy.id);
    note.remove();
    offer(form);
  });
}

function putBack(form, copy) {
  if (form.hasAttribute("data-puts-back")) {
    isLeaving();
    comesFrom(copy.id, copy.typed);
    sendBack(form, copy.fields);
    return;
  }
  const left = fill(form, copy.fields);
  keepNow(form);
  if (copy.id !== stateOf(form).id) throwAway(copy.id);
  const said = [words("back"), ...(left.length ? [words("left"), left.join(" · ")] : [])];
  showNote(form, said.join(" "), { actions: false });
  form.querySelector("input:not([type=hidden]), textarea")?.focus();
}

// --- Leaving --------------------------------------------------------------------------------------

function onLeave(event) {
  keepAll();
  if (!leaving && [...watched.keys()].some((form) => form.isConnected && wouldBeLost(form))) event.preventDefault();
}

// What is typed in a dialog stays in the browser and is back when it opens again. Where nothing can
// be kept, closing asks.
function onDialogClosing(event) {
  const dialog = event.target.closest?.("dialog");
  if (!dialog || (event.type === "click" && !event.target.closest("[data-closes-dialog]") && event.target !== dialog)) return;
  const form = dialog.querySelector("form[data-keeps]");
  if (!form || !watched.has(form) || !isChanged(form)) return;
  keepNow(form);
  if (!canKeep && !confirm(words("close"))) {
    event.preventDefault();
    event.stopPropagation();
  }
}

function onSignOut(event) {
  const form = event.target;
  if (!form.matches("[data-signs-out]") || form.dataset.asked) return;
  keepAll();
  const all = copies();
  if (!all.length) {
    leaving = true;
    return;
  }
  event.preventDefault();
  const dialog = document.getElementById("unsaved-sign-out");
  const line = (copy) => Object.assign(document.createElement("li"), { textContent: `${copy.title} (${timeOf(copy.at)})` });
  dialog.querySelector("[data-list]").replaceChildren(...all.map(line));
  dialog.querySelector("[data-throw-all-away]").onclick = () => {
    watched.clear();
    for (const { id } of copies()) throwAway(id);
    leaving = true;
    form.dataset.asked = "1";
    form.requestSubmit();
  };
  dialog.showModal();
}

const isAnyChanged = () => [...watched.keys()].some((form) => form.isConnected && isChanged(form));

// Signed out, with text that this browser keeps nowhere else: only another tab can sign in.
function staysForWant(event) {
  keepAll();
  const mustStay = isAnyChanged() && !canKeep;
  if (mustStay) event.preventDefault();
  const link = document.querySelector("[data-sign-in-anew]");
  if (link) link.target = mustStay ? "_blank" : "";
  const offers = document.querySelector("[data-then-offers]");
  if (offers) offers.hidden = mustStay;
  return mustStay;
}

// Whether this page was sent off and waits for the next one.
export const isSentOff = () => leaving;

// For a page that is sent off. Where it is still here afterwards, it asks again.
export function isLeaving() {
  leaving = true;
  setTimeout(() => (leaving = false), STILL_HERE_MS);
}

export function startUnsaved() {
  if (!document.getElementById("unsaved-note")) return;
  throwOldAway();
  if (meta("saved-form")) throwAway(meta("saved-form"));
  // What was posted is answered by this page, be it a refusal: only the status tells.
  const { responseStatus } = performance.getEntriesByType("navigation")[0] ?? {};
  const isTaken = responseStatus === 200 && !document.querySelector("form[data-keeps][data-unsaved]");
  if (isTaken && meta("answered-form")) throwAway(meta("answered-form"));
  watchIn(document);
  document.body.addEventListener("htmx:load", ({ detail }) => watchIn(detail.elt));
  document.addEventListener("input", onInput);
  document.addEventListener("change", onInput);
  document.addEventListener("selection", onInput, true);
  document.addEventListener("submit", onSignOut, true);
  document.addEventListener("click", onDialogClosing, true);
  document.addEventListener("cancel", onDialogClosing, true);
  document.addEventListener("console:signed-out", (event) => {
    if (staysForWant(event)) return;
    isLeaving();
  });
  document.addEventListener("console:may-leave", (event) => {
    if (!staysForWant(event) && isAnyChanged()) event.preventDefault();
  });
  addEventListener("beforeunload", onLeave);
  addEventListener("pagehide", keepAll);
  document.addEventListener("visibilitychange", () => document.hidden && keepAll());
}
