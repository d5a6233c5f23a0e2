// htmx: the CSRF token goes with every request, and a request that fails is said in words.

import { toast } from "./toasts.js";

const words = (name) => document.querySelector(`meta[name="words-${name}"]`)?.content ?? "";

export function startHtmx() {
  document.body.addEventListener("htmx:configRequest", (event) => {
    const token = document.querySelector('meta[name="csrf-token"]')?.content;
    if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token;
  });
  // A session that ended answers with the sign-in page: go there instead of putting it into a panel.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const login = document.querySelector('meta[name="login-url"]')?.content;
    const answered = new URL(event.detail.xhr.responseURL || location.href, location).pathname;
    if (login && answered === login) {
      event.detail.shouldSwap = false;
      location.assign(`${login}?next=${encodeURIComponent(location.pathname + location.search)}`);
    }
  });
  document.body.addEventListener("htmx:sendError", (event) => {
    // What refreshes by itself says so in the band above the page; here somebody pressed a button.
    if (!event.target.closest("[data-live-topic]") || event.detail.requestConfig.verb !== "get") {
      toast(words("unreachable"));
    }
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    const { status, responseURL } = event.detail.xhr;
    if (status === 401 || status === 403) toast(words("refused"));
    else if (status === 429) toast(words("too-many"));
    else toast(`${words("failed")} (${status} ${new URL(responseURL, location).pathname})`);
  });
}
