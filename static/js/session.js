// Whether this page's person is still signed in here: asked before what must not be lost is sent,
// and where the event stream was refused.

const WAIT_MS = 8000;

export const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

export const person = () => meta("person");

// Whoever signed in anew in another tab has another token; with the old one all forms are refused.
function useToken(token) {
  const known = document.querySelector('meta[name="csrf-token"]');
  if (known) known.content = token;
  for (const input of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) input.value = token;
}

// "here", "signed-out", "another" (somebody else signed in), "busy" (asked too often), or "silent".
export async function whoIsHere(wait = WAIT_MS) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), wait);
  try {
    const answer = await fetch(meta("here-url"), { redirect: "manual", cache: "no-store", signal: late.signal });
    if (answer.type === "opaqueredirect") return "signed-out";
    if (answer.status === 429) return "busy";
    if (!answer.ok) return "silent";
    const { person: found, token } = await answer.json();
    if (found !== person()) return "another";
    useToken(token);
    const band = document.querySelector("[data-signed-out-band]");
    if (band) band.hidden = true;
    return "here";
  } catch {
    return "silent";
  } finally {
    clearTimeout(timer);
  }
}

const showBand = () => {
  document.querySelector("[data-signed-out-band]").hidden = false;
};

// To the sign-in, and from there back to this page. Whoever keeps something does it now, and
// whoever can't prevents it.
export function signInAnew() {
  if (!document.dispatchEvent(new CustomEvent("console:signed-out", { cancelable: true }))) {
    showBand();
    return;
  }
  // In a frame of another site only this page can be shown: loaded anew it says how to sign in.
  if (window.top !== window) location.reload();
  else location.assign(`${meta("login-url")}?next=${encodeURIComponent(location.pathname + location.search)}`);
}

// What refreshes itself found the session ended. Nobody is torn away from what they write for that.
export function noticeSignedOut() {
  const mayLeave = document.dispatchEvent(new CustomEvent("console:may-leave", { cancelable: true }));
  if (mayLeave) signInAnew();
  else showBand();
}

export function startSession() {
  document.querySelector("[data-sign-in-anew]")?.addEventListener("click", (event) => {
    if (event.target.target) return; // in another tab, where this page is all that there is
    event.preventDefault();
    signInAnew();
  });
}
