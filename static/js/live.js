// Follows the server: one event stream for all topics of the page. An element with data-live-topic
// and an id gets a "live" event when its topic changed (htmx then loads it anew), at most once a second.
// A list with data-live-rows gets the rows themselves instead (differences.js).
// While the stream is broken, or says nothing for longer than a quiet server would, the page stays
// readable and says since when it is stale. A page that nobody looks at holds no stream, since a
// browser keeps only a few connections to one server. One page of a browser is the exception: it
// follows what its browser is to say (waiting.js).

import { startDifferences, takeDifferences } from "./differences.js";

import { noticeSignedOut, whoIsHere } from "./session.js";

import { likelyNow } from "./server-clock.js";

import { speaks } from "./waiting.js";

const QUIET_MS = 1000;
const STALE_AFTER_MS = 3000;
const CLOSED = 2;
const AGAIN_MS = 5000;
const SIGNED_OUT_MS = 15_000;
// An alive server says so every few seconds, and tells how often.
const BEATS_MISSED = 2.5;
let beatMs = 10_000;
let heard = null;
let watchdog = 0;

let source = null;
let openTopics = "";
let lostAt = null;
let staleTimer = 0;
// By id, not by element: each refresh puts a new element in the place of the old one.
const states = new Map();

const followers = () => document.querySelectorAll("[data-live-topic]");

function followersNow() {
  if (!document.hidden) return [...followers()];
  return speaks() ? [...document.querySelectorAll("[data-live-topic][data-live-hidden]")] : [];
}

function stateOf(id) {
  if (!states.has(id)) states.set(id, { last: -Infinity, timer: 0, busy: false, again: false });
  return states.get(id);
}

function fire(id) {
  const state = stateOf(id);
  if (state.timer) return;
  // What changes while an answer is on its way may not be in it: ask once more afterwards.
  if (state.busy) {
    state.again = true;
    return;
  }
  const run = () => {
    state.timer = 0;
    state.last = performance.now();
    document.getElementById(id)?.dispatchEvent(new CustomEvent("live", { bubbles: false }));
  };
  const rest = state.last + QUIET_MS - performance.now();
  if (rest <= 0) run();
  else state.timer = setTimeout(run, rest);
}

function onRequest(event) {
  const { elt } = event.detail.requestConfig;
  if (elt.matches?.("[data-live-topic]")) stateOf(elt.id).busy = true;
}

// What the page does by itself keeps no session alive.
function onConfig({ detail }) {
  if (detail.verb === "get" && detail.elt.matches?.("[data-live-topic]")) detail.headers["Console-Refresh"] = "1";
}

function onAnswer(event) {
  const { elt } = event.detail.requestConfig;
  const state = states.get(elt.id);
  if (!state?.busy) return;
  state.busy = false;
  if (state.again) {
    state.again = false;
    fire(elt.id);
  }
}

// A list that gets its rows is told what the server has whenever the stream begins: it need not load.
const getsRows = (element) => element.dataset.liveRows !== undefined;

function announce(topic) {
  for (const element of followers()) {
    if (topic === null ? !getsRows(element) : element.dataset.liveTopic.split(" ").includes(topic)) fire(element.id);
  }
}

function showStale(at) {
  const band = document.querySelector("[data-stale-band]");
  if (!band) return;
  band.hidden = at === null;
  // What was true then and may not be now says so, and waiting times stand still.
  document.documentElement.toggleAttribute("data-stale", at !== null);
  if (at !== null) {
    const words = band.querySelector("[data-stale-text]");
    words.textContent = words.dataset.staleText.replace("{time}", at.toLocaleTimeString());
  }
}

function connected() {
  hear();
  clearTimeout(staleTimer);
  staleTimer = 0;
  if (lostAt === null) return;
  lostAt = null;
  showStale(null);
  announce(null);
  document.dispatchEvent(new CustomEvent("console:back"));
}

function hear() {
  heard = new Date(likelyNow());
  clearTimeout(watchdog);
  watchdog = setTimeout(silent, beatMs * BEATS_MISSED);
}

// A server that hangs breaks no connection, and says nothing.
function silent() {
  if (!source) return;
  lostAt ??= heard ?? new Date(likelyNow());
  showStale(lostAt);
  connect(true);
}

function broken() {
  lostAt ??= heard ?? new Date(likelyNow());
  if (!staleTimer) staleTimer = setTimeout(() => showStale(lostAt), STALE_AFTER_MS);
  if (source?.readyState === CLOSED) refused();
}

// A refused stream is not tried again by the browser itself; and it is refused to whoever was
// signed out, of whom no connection was lost.
async function refused() {
  if (document.hidden) return; // whoever looks at the page again connects it again
  const isSignedOut = (await whoIsHere()) === "signed-out";
  if (isSignedOut) {
    clearTimeout(staleTimer);
    staleTimer = 0;
    noticeSignedOut();
  }
  setTimeout(() => connect(true), isSignedOut ? SIGNED_OUT_MS : AGAIN_MS);
}

function connect(again = false) {
  const [lists, parts] = [followersNow().filter(getsRows), followersNow().filter((e) => !getsRows(e))];
  const topics = [...new Set(parts.flatMap((e) => e.dataset.liveTopic.split(" ")))];
  const asked = [...topics.sort().map((topic) => ["topic", topic]), ...lists.map((e) => ["rows", e.dataset.liveRows])];
  const wanted = new URLSearchParams(asked).toString();
  if (wanted === openTopics && !again) return;
  source?.close();
  source = null;
  clearTimeout(watchdog);
  openTopics = wanted;
  if (!wanted) return;
  const url = document.querySelector('meta[name="events-url"]')?.content;
  if (!url) return;
  source = new EventSource(`${url}?${wanted}`);
  watchdog = setTimeout(silent, beatMs * BEATS_MISSED);
  source.addEventListener("open", connected);
  source.addEventListener("error", broken);
  source.addEventListener("alive", ({ data }) => {
    beatMs = Number(data) * 1000 || beatMs;
    connected();
  });
  // "*": the server itself has missed something.
  source.addEventListener("message", ({ data }) => {
    connected();
    announce(data === "*" ? null : data);
  });
  const query = lists[0]?.dataset.liveRows;
  source.addEventListener("rows", ({ data }) => {
    connected();
    takeDifferences(query, JSON.parse(data));
  });
}

// What became of a change of which no answer came: everything that refreshes itself is loaded anew.
export const refreshAll = () => followers().forEach((element) => fire(element.id));

function onVisibility() {
  connect(true);
  if (!document.hidden) announce(null);
}

export function startLive() {
  startDifferences(fire);
  connect();
  document.addEventListener("visibilitychange", onVisibility);
  document.addEventListener("console:speaks", () => connect());
  document.body.addEventListener("htmx:afterSettle", () => connect());
  document.body.addEventListener("htmx:configRequest", onConfig);
  document.body.addEventListener("htmx:beforeRequest", onRequest);
  document.body.addEventListener("htmx:afterRequest", onAnswer);
  // A page that comes back from the browser's cache has missed what happened meanwhile.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      connect(true);
      announce(null);
    }
  });
  addEventListener("pagehide", () => source?.close());
}
