// What the person opened lately, as references such as "notice:late" and nothing else: what these
// are called, and whether they may still be opened, only the server says. Kept for the one who is
// signed in now; what others left on this machine goes.

const MOST = 8;
const PREFIX = "recents:";
let kept = "";

function read() {
  try {
    const list = JSON.parse(localStorage.getItem(kept) ?? "[]");
    return Array.isArray(list) ? list.filter((each) => typeof each === "string") : [];
  } catch {
    return [];
  }
}

function write(list) {
  try {
    if (list.length) localStorage.setItem(kept, JSON.stringify(list.slice(0, MOST + 1)));
    else localStorage.removeItem(kept);
  } catch {
    // Then there are no recents.
  }
}

function forgetOthers() {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX) && key !== kept) localStorage.removeItem(key);
    }
  } catch {
    // Nothing is kept here at all.
  }
}

export const recents = read;

export function remember(reference) {
  if (kept && reference) write([reference, ...read().filter((each) => each !== reference)]);
}

export const forget = (references) => write(read().filter((each) => !references.includes(each)));

export const forgetAll = () => write([]);

export function startRecents({ person, recent }) {
  kept = PREFIX + person;
  forgetOthers();
  remember(recent);
}
