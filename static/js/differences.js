// The board's list as the server sends it: row by row, to all who see the same. A message has the
// rows that look different by now, and the ids of the page if they are others or in another order.
// The list that it is applied to is what the server has (rows.js); what of it stands on the page is
// decided there.
//
// When a page begins to follow, it is told what the server has: ids with revisions. If the page has
// something else, it loads the list anew. A page that has missed something says so, and does the same.

import { follow, knownBody, takeTotal } from "./rows.js";

// Not all boards load anew at the same moment, where the server was away.
const SPREAD_MS = 2000;

let refresh = () => {};
// What came while the list was on its way is applied to what came by then.
let loading = null;
const begun = new WeakSet();

const rowsOf = (part) => [...(part?.rows ?? [])];

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function loadAnew(list) {
  const wait = begun.has(list) ? Math.random() * SPREAD_MS : 0;
  setTimeout(() => list.isConnected && refresh(list.id), wait);
}

// Answers whether the server's list is known afterwards.
function takeRows(list, html, ids) {
  const own = knownBody(list);
  if (!own) return false;
  const rows = [...parsed(html ?? "").children];
  const known = new Map([...rowsOf(own), ...rows].map((row) => [row.dataset.id, row]));
  if (ids === undefined) {
    for (const old of rowsOf(own)) {
      const row = known.get(old.dataset.id);
      if (row !== old) old.replaceWith(row);
    }
  } else {
    const page = ids.split(" ").filter(Boolean);
    if (!page.length || page.some((id) => !known.has(id))) return false;
    own.replaceChildren(...page.map((id) => known.get(id)));
  }
  follow(list, rows, ids !== undefined);
  return true;
}

function compare(list, sync) {
  const shown = rowsOf(knownBody(list)).map((row) => `${row.dataset.id} ${row.dataset.rev}`);
  if (shown.join(" ") !== sync) loadAnew(list);
  begun.add(list);
}

function takeNumbers(views) {
  const language = document.documentElement.lang;
  for (const [name, number] of Object.entries(views)) {
    const view = name === "all" ? "a:first-child" : `[data-key="view-${name}"]`;
    const count = document.querySelector(`#board-views > ${view} .views__count`);
    if (count) count.textContent = number.toLocaleString(language);
  }
}

function sayBehind(list, isBehind) {
  const words = list.querySelector("[data-behind]");
  if (words) words.hidden = !isBehind;
}

function take(list, said) {
  if (said.missed) {
    sayBehind(list, true);
    loadAnew(list);
  }
  if (said.reload) loadAnew(list);
  if ((said.rows || said.ids !== undefined) && !takeRows(list, said.rows, said.ids)) loadAnew(list);
  if (said.sync !== undefined) compare(list, said.sync);
  if (said.total !== undefined) takeTotal(list, said.total, parsed(said.selection));
  if (said.views) takeNumbers(said.views);
  document.dispatchEvent(new CustomEvent("rows:taken", { detail: said }));
}

// `query` is the list that the message is of: by now another one may stand there.
export function takeDifferences(query, said) {
  const list = document.querySelector("[data-live-rows]");
  if (!list || list.dataset.liveRows !== query) return;
  if (loading?.list === list) loading.said.push(said);
  else take(list, said);
}

const isOfList = (event) => event.detail.requestConfig.elt.matches?.("[data-live-rows]");

function onRequest(event) {
  if (isOfList(event)) loading = { list: event.detail.requestConfig.elt, said: [] };
}

function onAnswer(event) {
  if (!isOfList(event) || !loading) return;
  const { list, said } = loading;
  loading = null;
  sayBehind(list, false);
  if (list.isConnected) for (const each of said) take(list, each);
}

// `loads` loads the part with an id anew.
export function startDifferences(loads) {
  refresh = loads;
  document.body.addEventListener("htmx:beforeRequest", onRequest);
  document.body.addEventListener("htmx:afterRequest", onAnswer);
}
