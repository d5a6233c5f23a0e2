// htmx: the CSRF token goes with every request, and a request that fails is said in words. What
// changes something and is not answered may be done: nobody says then that it was not.

import { composeIsUnknown } from "./composing.js";
import { refreshAll } from "./live.js";
import { meta, noticeSignedOut, signInAnew, whoIsHere } from "./session.js";
import { toast, untoast } from "./toasts.js";
import { isTaken, keepNow, stateOf } from "./unsaved.js";

const AGAIN_MS = 5000;

const words = (name) => meta(`words-${name}`);

// A preview is posted, and writes nothing.
const onlyReads = ({ verb, elt }) => verb === "get" || Boolean(elt.matches?.("[data-only-reads]"));
const refreshesItself = ({ verb, elt }) => verb === "get" && Boolean(elt.closest?.("[data-live-topic]"));

const formOf = (elt) => (elt.matches?.("form[data-keeps]") ? elt : null);

function isLoginPage(xhr) {
  const login = meta("login-url");
  return login && new URL(xhr.responseURL || location.href, location).pathname === login;
}

// A session that ended answers with the sign-in page: go there instead of putting it into a panel.
function onBeforeSwap(event) {
  const { xhr, requestConfig } = event.detail;
  if (!isLoginPage(xhr)) return;
  event.detail.shouldSwap = false;
  leave(requestConfig);
}

function leave(config) {
  if (onlyReads(config)) {
    noticeSignedOut();
    return;
  }
  keepPressed(config, "signed-out");
  signInAnew();
}

function keepPressed({ elt, triggeringEvent }, outcome) {
  const button = triggeringEvent?.submitter?.textContent.trim() ?? "";
  const form = formOf(elt);
  if (form && stateOf(form)) keepNow(form, { pressed: { at: Date.now(), button, outcome } });
}

function onAnswered({ detail }) {
  const form = formOf(detail.requestConfig.elt);
  const { xhr } = detail;
  if (xhr.status >= 200 && xhr.status < 400) untoast(words("not-loaded"));
  const leadsAway = isLoginPage(xhr) || xhr.getResponseHeader("HX-Redirect");
  if (form && xhr.status >= 200 && xhr.status < 300 && !leadsAway) isTaken(form);
}

// No answer came, or one of somebody between: a proxy, which knows no more.
function sayUnknown(config) {
  if (onlyReads(config)) {
    // What refreshes by itself says so in the band above the page.
    if (!refreshesItself(config)) toast(words("not-loaded"));
    askAgain(config.elt);
    return;
  }
  const form = formOf(config.elt);
  if (form && composeIsUnknown(form)) return;
  keepPressed(config, "unknown");
  toast(words("unknown"));
  setTimeout(refreshAll, AGAIN_MS);
}

function askAgain(elt) {
  if (!elt.matches?.("[data-only-reads]")) return;
  setTimeout(() => {
    if (!elt.isConnected) return;
    if (elt.matches("[data-preview-source]")) elt.dispatchEvent(new CustomEvent("selection", { bubbles: false }));
    else elt.closest("form")?.dispatchEvent(new Event("input", { bubbles: true }));
  }, AGAIN_MS);
}

async function sayRefused(config) {
  // Signed in anew in another tab: by asking, this page has the new token too.
  const found = await whoIsHere();
  if (found === "signed-out") leave(config);
  else if (found === "here" && onlyReads(config)) askAgain(config.elt);
  else toast(words(found === "here" ? "refused" : "not-here"));
}

function onErrorStatus(event) {
  const { xhr, requestConfig } = event.detail;
  const { status, responseURL } = xhr;
  if (status >= 500) {
    sayUnknown(requestConfig);
    return;
  }
  const form = formOf(requestConfig.elt);
  if (form) keepNow(form, { pressed: null });
  if (status === 401 || status === 403) sayRefused(requestConfig);
  else if (status === 429) toast(words("too-many"));
  else toast(`${words("failed")} (${status} ${new URL(responseURL, location).pathname})`);
}

export function startHtmx() {
  const { body } = document;
  body.addEventListener("htmx:configRequest", (event) => {
    const token = meta("csrf-token");
    if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token;
  });
  body.addEventListener("htmx:beforeSwap", onBeforeSwap);
  body.addEventListener("htmx:afterRequest", onAnswered);
  body.addEventListener("htmx:sendError", ({ detail }) => sayUnknown(detail.requestConfig));
  body.addEventListener("htmx:timeout", ({ detail }) => sayUnknown(detail.requestConfig));
  body.addEventListener("htmx:responseError", onErrorStatus);
}
