// What the server's clock shows now: not a guess, but the two bounds between which it is.
// The server stamped an answer some time between its request and its arrival here, and says how long it had the
// request by then; that is all that is known of it. Counted is by performance.now(), which nobody can set: the clock of this machine, which may be
// wrong or be changed, has no part in it. All in milliseconds; a bound is "server's time less performance.now()".

// How much faster or slower than the server's this machine's counting may go.
const DRIFT = 0.0002;
const TRIES = 5;
const TRY_AFTER_MS = 250;
const REST_MS = 15_000;
const ANSWER_MS = 10_000;
// The wall clock went on by so much more than the counting: this machine slept, or the clock was set.
const SLEPT_MS = 500;

let known = null;
let measuring = null;
let restsUntil = 0;
let shown = -Infinity;
let slept = 0;
let wallAhead = Date.now() - performance.now();

// The bounds that one stamped answer gives; `sent` is null where nobody knows when it was asked for.
export function bounds({ stamp, took = 0, sent, received }) {
  return { low: stamp - received, high: sent === null ? Infinity : stamp - took - sent, at: received };
}

export function widened(bound, at) {
  const by = DRIFT * Math.max(0, at - bound.at);
  return { low: bound.low - by, high: bound.high + by, at };
}

// What both say. Where they contradict each other one of the clocks was set: the newer one is right.
export function narrowed(before, sample) {
  if (before === null) return sample;
  const { low, high } = widened(before, sample.at);
  const both = { low: Math.max(low, sample.low), high: Math.min(high, sample.high), at: sample.at };
  return both.low <= both.high ? both : sample;
}

// How long is left until a moment: at least and at most, in seconds.
export function left(until, { earliest, latest }) {
  return { least: (until - latest) / 1000, most: (until - earliest) / 1000 };
}

const widthOf = (bound) => bound.high - bound.low;

function learn(sample) {
  known = narrowed(known, sample);
  document.documentElement.dataset.clockWidth = String(Math.round(widthOf(known)));
}

function noticeSleep() {
  const ahead = Date.now() - performance.now();
  const jumped = ahead - wallAhead;
  wallAhead = ahead;
  if (jumped < SLEPT_MS) return;
  slept += jumped;
  restsUntil = 0;
  measure();
}

// The server's time: not before `earliest`, not after `latest`; null while nothing is known of it.
export function serverNow() {
  if (known === null) return null;
  noticeSleep();
  const at = performance.now();
  const { low, high } = widened(known, at);
  return { earliest: at + low, latest: at + high + slept };
}

// The server's time is not before that, in whole milliseconds; null while nothing is known of it.
export function earliestNow() {
  const now = serverNow();
  return now && Math.floor(now.earliest);
}

// When the server had the request for this page, or before; null where the page does not say it.
export function pageBegan() {
  const written = document.querySelector('meta[name="server-time"]')?.content;
  if (!written) return null;
  const [stamp, , atMost] = written.split(" ").map(Number);
  return Math.floor(stamp - atMost);
}

// For ages and waiting times: the middle, which never goes back while it is being narrowed.
export function likelyNow() {
  const now = serverNow();
  if (now === null) return Date.now();
  const { earliest, latest } = now;
  const middle = Number.isFinite(latest) ? (earliest + latest - slept) / 2 : earliest;
  shown = shown - middle > 5000 ? middle : Math.max(shown, middle);
  return shown;
}

// Of the answer itself rather than of this script, which may have come to it late.
function onTheWire(entry, sent, received) {
  const from = entry?.requestStart >= (sent ?? 0) && entry.requestStart > 0 ? entry.requestStart : sent;
  const to = entry?.responseStart > 0 && entry.responseStart <= received ? entry.responseStart : received;
  return from !== null && from > to ? { sent, received } : { sent: from, received: to };
}

async function ask(url) {
  const sent = performance.now();
  const answer = await fetch(url, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(ANSWER_MS) });
  const received = performance.now();
  if (!answer.ok) return;
  const { now, took } = await answer.json();
  const entry = performance.getEntriesByName(answer.url).filter((each) => each.startTime >= sent - 1).at(-1);
  learn(bounds({ stamp: now, took, ...onTheWire(entry, sent, received) }));
  slept = 0;
}

async function askUntilNarrow(url, wanted) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    await ask(url).catch(() => {});
    if (known && slept === 0 && widthOf(widened(known, performance.now())) <= wanted) return;
    await new Promise((resolve) => setTimeout(resolve, TRY_AFTER_MS));
  }
  restsUntil = performance.now() + REST_MS;
}

function measure(wanted = 100) {
  const url = document.querySelector('meta[name="clock-url"]')?.content;
  if (!url || measuring || document.hidden || performance.now() < restsUntil) return;
  measuring = askUntilNarrow(url, wanted).finally(() => {
    measuring = null;
    document.dispatchEvent(new CustomEvent("clock:measured"));
  });
}

// Something counts by it: measure anew where it is wider than that.
export function needNarrow(wanted) {
  if (known === null || widthOf(widened(known, performance.now())) > wanted || slept) measure(wanted);
}

export function startServerClock() {
  const written = document.querySelector('meta[name="server-time"]')?.content;
  if (!written) return;
  const [stamp, took] = written.split(" ").map(Number);
  const [page] = performance.getEntriesByType("navigation");
  const asked = page?.requestStart || page?.fetchStart || null;
  learn(bounds({ stamp, took, ...onTheWire(page, asked, performance.now()) }));
}
