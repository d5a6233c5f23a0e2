// Brings a part of the page up to date in place: only what differs is touched. So the focus, marked
// text, scrolling, and what somebody has typed, ticked or opened stay where they are. Parts that
// follow the server ask for it with hx-swap="morph".
//
// A node is found again by its id, data-id or data-key, else by what it leads to or is named, else
// by its place. What a script holds on an element stands in its data-kept: names of attributes, or
// "*" for the whole element.

// Their words are those of times.js.
const CLOCKS = ["data-since", "data-until", "data-own-time", "data-relative"];
const moment = (element) => element.dataset.since ?? element.dataset.until ?? element.dataset.ownTime ?? element.dateTime;
const isSameClock = (old, fresh) =>
  CLOCKS.some((name) => old.hasAttribute(name) && fresh.hasAttribute(name)) && moment(old) === moment(fresh);

// What a person changes on an element by using it is an attribute there and nowhere else.
const OPENED = new Set(["DETAILS", "DIALOG"]);

function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  const own = node.id || node.dataset.id || node.dataset.key;
  if (own) return `#${own}`;
  const at = (name) => node.getAttribute(name) ?? "";
  switch (node.tagName) {
    case "TR": {
      const link = node.querySelector("th a"); // its head leads to what it is about
      return link ? `row ${link.getAttribute("href")}` : "";
    }
    case "ARTICLE":
      return `article ${at("aria-labelledby")}`;
    case "A":
      return `a ${at("href")}`;
    case "FORM":
      return `form ${at("action")}`;
    case "BUTTON":
      return `button ${at("hx-get")}${at("hx-post")}${at("formaction")}${at("name")}${at("value")}`;
    case "INPUT":
      return `input ${at("name")}${/radio|checkbox/.test(node.type) ? at("value") : ""}`;
    case "SELECT":
    case "TEXTAREA":
      return `field ${at("name")}`;
    default:
      return "";
  }
}

const isKept = (element, name, root) =>
  (name === "open" && OPENED.has(element.tagName)) ||
  (name === "tabindex" && element === root) ||
  (name === "disabled" && element.hasAttribute("data-disabled-by-htmx")) ||
  name === "data-disabled-by-htmx" ||
  (element.dataset.kept ?? "").split(" ").includes(name);

// Answers whether htmx has to look at the element again.
function morphAttributes(old, fresh, root) {
  let isOther = false;
  const set = (name, value) => {
    if (isKept(old, name, root) || old.getAttribute(name) === value) return;
    if (value === null) old.removeAttribute(name);
    else old.setAttribute(name, value);
    isOther ||= name.startsWith("hx-");
  };
  for (const { name, value } of [...fresh.attributes]) set(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) set(name, null);
  return isOther;
}

function place(parent, node, before) {
  // Moved this way it keeps its focus and its scrolling.
  if (node.isConnected && parent.moveBefore) parent.moveBefore(node, before);
  else parent.insertBefore(node, before);
}

function byKey(nodes) {
  const found = new Map();
  for (const node of nodes) {
    const key = keyOf(node);
    if (key) found.set(key, [...(found.get(key) ?? []), node]);
  }
  return found;
}

// The next sibling from `at` on that has no key of its own either and is of the same kind. For a text
// nothing is passed over: between elements they are blanks, and an element would be lost for them.
function likeIt(at, fresh) {
  if (fresh.nodeType !== Node.ELEMENT_NODE) return at?.nodeType === fresh.nodeType ? at : null;
  for (let node = at; node; node = node.nextSibling) {
    if (node.nodeName === fresh.nodeName && !keyOf(node)) return node;
  }
  return null;
}

function morphChildren(old, fresh, work) {
  const nodes = [...fresh.childNodes];
  const wanted = byKey(nodes);
  const known = byKey(old.childNodes);
  let at = old.firstChild;
  const drop = () => {
    const next = at.nextSibling;
    at.remove();
    at = next;
  };
  for (const node of nodes) {
    // What is gone makes room, so that what stays need not be moved.
    while (at && keyOf(at) && !wanted.has(keyOf(at))) drop();
    const key = keyOf(node);
    const match = key ? known.get(key)?.find((each) => each.nodeName === node.nodeName) : likeIt(at, node);
    if (!match) {
      old.insertBefore(node, at);
      if (node.nodeType === Node.ELEMENT_NODE) work.added.push(node);
      continue;
    }
    if (key) known.set(key, known.get(key).filter((each) => each !== match));
    else while (at !== match && !keyOf(at)) drop();
    if (match !== at) place(old, match, at);
    else at = at.nextSibling;
    morphNode(match, node, work);
  }
  while (at) drop();
}

function morphNode(old, fresh, work) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.dataset.kept === "*") return;
  const isClock = isSameClock(old, fresh);
  if (morphAttributes(old, fresh, work.root)) work.changed.push(old);
  if (!isClock && !old.isEqualNode(fresh)) morphChildren(old, fresh, work);
}

// Make `old` what `fresh` is. Answers the elements that are new.
export function morph(old, fresh) {
  const work = { root: old, added: [], changed: [] };
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  morphNode(old, fresh, work);
  for (const element of work.changed) window.htmx.process(element);
  if (focused && !focused.isConnected && !document.getElementById(focused.id)) focusPart(old);
  return work.added;
}

function morphInside(target, fragment) {
  const fresh = target.cloneNode(false);
  fresh.append(...fragment.childNodes);
  return morph(target, fresh);
}

// What had the focus is gone: who works by keyboard goes on from here, not from the page's top.
function focusPart(part) {
  if (!part.hasAttribute("tabindex")) part.tabIndex = -1;
  part.focus({ preventScroll: true });
}

// `others` are further ways to swap, by their names.
export function startMorph(others) {
  const ways = { morph: (target, fragment) => morph(target, fragment.firstElementChild), "morph-inside": morphInside, ...others };
  window.htmx?.defineExtension("morph", {
    handleSwap: (way, target, fragment) => ways[way]?.(target, fragment) ?? false,
  });
}
