// A form with text is sent off only where the console answers and its person is still signed in:
// otherwise the page with what was typed would be gone, and nobody knew what became of it.

import { settleDraft } from "./drafts.js";
import { typedOf } from "./fields.js";
import { signInAnew, whoIsHere } from "./session.js";
import { comesFrom, inWords, isLeaving, keepNow, showNote, stateOf } from "./unsaved.js";

const asked = new WeakSet();
const asking = new WeakSet();

const REFUSED = { another: "another", busy: "busy", silent: "silent" };

async function clear(form, submitter) {
  const button = submitter?.textContent.trim() ?? "";
  keepNow(form, { pressed: { at: Date.now(), button, outcome: "unsent" } });
  const found = await whoIsHere();
  if (found === "signed-out") {
    keepNow(form, { pressed: { at: Date.now(), button, outcome: "signed-out" } });
    signInAnew();
    return;
  }
  if (found in REFUSED) {
    keepNow(form, { pressed: null });
    showNote(form, inWords(REFUSED[found], { button }), { actions: false, beside: submitter });
    return;
  }
  await settleDraft(form);
  keepNow(form, { pressed: { at: Date.now(), button, outcome: "unknown" } });
  asked.add(form);
  isLeaving();
  comesFrom(stateOf(form).id, typedOf(form));
  form.requestSubmit(submitter);
}

async function onSubmit(event) {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || !stateOf(form) || form.hasAttribute("hx-post") || form.method !== "post") return;
  if (asked.delete(form)) return;
  event.preventDefault();
  if (asking.has(form)) return;
  asking.add(form);
  form.setAttribute("aria-busy", "true");
  try {
    await clear(form, submitter);
  } finally {
    asking.delete(form);
    form.removeAttribute("aria-busy");
  }
}

export function startSubmitting() {
  document.addEventListener("submit", onSubmit);
}
