// Follows the server: one event stream for all topics of the page. An element with data-live-topic
// and an id gets a "live" event when its topic changed (htmx then loads it anew), at most once a second.
// A list with data-live-rows gets the rows themselves instead (differences.js).
// The stream says first what changed since the page's content was read, before anything was followed.
// While the stream is broken, or says nothing for longer than a quiet server would, the page stays
// readable and says since when it is stale. A page that nobody looks at holds no stream, since a
// browser keeps only a few connections to one server. One page of a browser is the exception: it
// follows what its browser is to say (waiting.js).

import { startDifferences, takeDifferences } from "./differences.js";

import { noticeSignedOut, whoIsHere } from "./session.js";

import { earliestNow, likelyNow, pageBegan } from "./server-clock.js";

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
let openUrl = "";
let openTopics = [];
let isHearing = false;
// By topic: the moment, by the server's clock, up to which the page knows what changed.
const heardUntil = new Map();
// By request: the moment before which the server had not begun to answer it.
const asked = new WeakMap();
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
  asked.set(event.detail.xhr, earliestNow());
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
  connect({ again: true });
}

function broken() {
  isHearing = false;
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
  setTimeout(() => connect({ again: true }), isSignedOut ? SIGNED_OUT_MS : AGAIN_MS);
}

// Nothing is heard between the end of one stream and the beginning of the next.
function closeStream() {
  if (isHearing) for (const topic of openTopics) heardUntil.set(topic, earliestNow());
  isHearing = false;
  source?.close();
  source = null;
  clearTimeout(watchdog);
}

// The moment from which the server is to say what changed; null if nothing is known of its clock.
function unheardSince(topics, contentFrom) {
  for (const topic of heardUntil.keys()) if (!topics.includes(topic)) heardUntil.delete(topic);
  for (const topic of topics) if (!heardUntil.has(topic)) heardUntil.set(topic, contentFrom);
  const moments = topics.map((topic) => heardUntil.get(topic));
  return moments.length === 0 || moments.includes(null) ? null : Math.min(...moments);
}

// `contentFrom`: the moment of what stands on the page since the last stream.
function connect({ again = false, contentFrom = earliestNow() } = {}) {
  const [lists, parts] = [followersNow().filter(getsRows), followersNow().filter((e) => !getsRows(e))];
  const topics = [...new Set(parts.flatMap((e) => e.dataset.liveTopic.split(" ")))];
  const followed = [...topics.sort().map((topic) => ["topic", topic]), ...lists.map((e) => ["rows", e.dataset.liveRows])];
  const wanted = new URLSearchParams(followed).toString();
  if (wanted === openUrl && !again) return;
  closeStream();
  [openUrl, openTopics] = [wanted, topics];
  if (!wanted) return;
  const url = document.querySelector('meta[name="events-url"]')?.content;
  if (!url) return;
  const since = unheardSince(topics, contentFrom);
  source = new EventSource(`${url}?${wanted}${since === null ? "" : `&since=${since}`}`);
  watchdog = setTimeout(silent, beatMs * BEATS_MISSED);
  source.addEventListener("open", connected);
  source.addEventListener("error", broken);
  source.addEventListener("alive", ({ data }) => {
    isHearing = true;
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
  // All is loaded anew below.
  if (!document.hidden) heardUntil.clear();
  connect({ again: true });
  if (!document.hidden) announce(null);
}

export function startLive() {
  startDifferences(fire);
  connect({ contentFrom: pageBegan() });
  document.addEventListener("visibilitychange", onVisibility);
  document.addEventListener("console:speaks", () => connect());
  document.body.addEventListener("htmx:afterSettle", ({ detail }) => connect({ contentFrom: asked.get(detail?.xhr) }));
  document.body.addEventListener("htmx:configRequest", onConfig);
  document.body.addEventListener("htmx:beforeRequest", onRequest);
  document.body.addEventListener("htmx:afterRequest", onAnswer);
  // A page that comes back from the browser's cache has missed what happened meanwhile.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      connect({ again: true });
      announce(null);
    }
  });
  addEventListener("pagehide", () => source?.close());
}
