// Keeps "2 min ago", waiting times and countdowns true between two answers of the server.

const relative = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", {
  numeric: "auto",
  style: "short",
});
const STEPS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

// The server's clock counts, not that of this machine.
const serverNow = Date.parse(document.querySelector('meta[name="server-time"]')?.content ?? "");
const skew = Number.isNaN(serverNow) ? 0 : serverNow - Date.now();
const now = () => Date.now() + skew;

export function ago(seconds) {
  const size = Math.abs(seconds);
  if (size < 5) return relative.format(0, "second");
  const [unit, length] = STEPS.find(([, least]) => size >= least) ?? STEPS.at(-1);
  // "2 min ago", as the server writes it, rather than "2 min. ago".
  return relative.format(-Math.sign(seconds) * Math.floor(size / length), unit).replace(".", "");
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = pad(whole % 60);
  return hours ? `${hours}:${pad(minutes)}:${tail}` : `${minutes}:${tail}`;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  const at = now();
  for (const element of document.querySelectorAll("time[data-relative]")) {
    setText(element, ago((at - Date.parse(element.dateTime)) / 1000));
  }
  // Whether a chat still waits, nobody knows while the connection is lost.
  const isStale = document.documentElement.hasAttribute("data-stale");
  for (const element of isStale ? [] : document.querySelectorAll("[data-since]")) {
    setText(element, clock((at - Date.parse(element.dataset.since)) / 1000));
  }
  for (const element of document.querySelectorAll("[data-until]")) {
    setText(element, String(Math.max(0, Math.ceil((Date.parse(element.dataset.until) - at) / 1000))));
  }
}

// A moment in the time of whoever looks, where none of the zones beside it is theirs.
function showOwnTimes() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const element of document.querySelectorAll("[data-own-time]")) {
    if (element.dataset.zones.split(" ").includes(own)) continue;
    const at = new Date(element.dataset.ownTime);
    const words = at.toLocaleString(document.documentElement.lang, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    setText(element, ` = ${words} ${own}`);
  }
}

function refresh() {
  tick();
  showOwnTimes();
}

export function startTimes() {
  refresh();
  setInterval(tick, 1000);
  document.body.addEventListener("htmx:afterSettle", refresh);
}
