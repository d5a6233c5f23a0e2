// What waits for this person: its number stands in the tab's title, and the browser says what is
// new, if the person has allowed that here. Of all tabs of a browser one does so: it holds a lock,
// and goes on following while nobody looks at it (live.js).

import { person } from "./session.js";

const LOCK = "console-waiting";
const HANDED_ON_MS = 60_000;
const TOLD = () => `console-told-${person()}`;
const ICON = () => document.querySelector('link[rel="icon"]')?.href;

let isSpeaker = false;
let told = 0;

export const speaks = () => isSpeaker && mayNotify();

const element = () => document.getElementById("waiting");
const newest = () => Number(element()?.dataset.newest) || 0;
const mayNotify = () => "Notification" in window && Notification.permission === "granted";

// Up to which matter a speaker has spoken, if it was here a moment ago.
function kept() {
  try {
    const [number, at] = (localStorage.getItem(TOLD()) ?? "").split(" ").map(Number);
    return Date.now() - at < HANDED_ON_MS ? number : null;
  } catch {
    return null; // the browser keeps nothing
  }
}

function keep() {
  try {
    localStorage.setItem(TOLD(), `${told} ${Date.now()}`);
  } catch {
    // Then this page alone knows it.
  }
}

// The next page goes on where the last one stopped: what came in between is not left out.
function speak() {
  isSpeaker = true;
  told = kept() ?? told;
  keep();
  document.dispatchEvent(new CustomEvent("console:speaks"));
  if (told < newest()) element().dispatchEvent(new CustomEvent("live", { bubbles: false }));
  return new Promise(() => {}); // held until the tab closes
}

function showTotal() {
  const total = Number(element()?.dataset.total) || 0;
  const plain = document.title.replace(/^\(\d+\) /, "");
  const titled = total ? `(${total}) ${plain}` : plain;
  if (document.title !== titled) document.title = titled;
}

function say(link) {
  const said = new Notification(link.dataset.title, {
    body: link.textContent.trim(),
    tag: `console-matter-${link.dataset.matter}`,
    icon: ICON(),
  });
  said.addEventListener("click", () => {
    window.focus();
    location.assign(link.href);
    said.close();
  });
}

// A tab that does not speak notes nothing: whichever speaks next has not said it.
function sayNew() {
  if (!isSpeaker || newest() <= told) return;
  const links = [...element().querySelectorAll("[data-matter]")];
  if (mayNotify()) links.filter((link) => Number(link.dataset.matter) > told).forEach(say);
  told = newest();
  keep();
}

function onSettle() {
  showTotal();
  sayNew();
}

function showPermission() {
  for (const part of document.querySelectorAll("[data-notifications]")) {
    const state = "Notification" in window && isSecureContext ? Notification.permission : "missing";
    for (const words of part.querySelectorAll("[data-when]")) {
      words.hidden = words.dataset.when !== state;
    }
  }
}

async function ask() {
  await Notification.requestPermission();
  showPermission();
}

export function startWaiting() {
  showPermission();
  document.querySelector("[data-allow-notifications]")?.addEventListener("click", ask);
  if (!element()) return;
  told = newest();
  showTotal();
  document.body.addEventListener("htmx:afterSettle", onSettle);
  addEventListener("pagehide", () => isSpeaker && keep());
  navigator.locks?.request(LOCK, speak);
}
