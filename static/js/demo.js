// Keeps the newest message in sight, and the place of a reader who has scrolled up.

const log = () => document.querySelector(".chat__log");
let atEnd = true;
let place = 0;

function restore() {
  const list = log();
  if (list) list.scrollTop = atEnd ? list.scrollHeight : place;
}

document.body.addEventListener("htmx:beforeSwap", () => {
  const list = log();
  if (!list) return;
  place = list.scrollTop;
  atEnd = list.scrollHeight - place - list.clientHeight < 40;
});
document.body.addEventListener("htmx:afterSwap", restore);
restore();
