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
    return "here";
  } catch {
    return "silent";
  } finally {
    clearTimeout(timer);
  }
}

// To the sign-in, and from there back to this page. Whoever keeps something does it now.
export function signInAnew() {
  document.dispatchEvent(new CustomEvent("console:signed-out"));
  location.assign(`${meta("login-url")}?next=${encodeURIComponent(location.pathname + location.search)}`);
}
