// An answer that takes the place of what had the focus must not let it fall to the page: it goes to the same
// control where there is one again, else to what was put in. What an answer asks for by autofocus comes first,
// such as the first field that was refused (templates/ui/field.html); htmx sees to that.

let left = null;

const lost = () => !document.activeElement || document.activeElement === document.body;

// By what the person knows it again: its id, where it leads, or what its form does.
function finder(element) {
  const form = element.form ?? element.closest("form");
  const action = form?.getAttribute("action");
  const [href, name, value] = ["href", "name", "value"].map((each) => element.getAttribute(each));
  const same = (other) =>
    other.localName === element.localName &&
    other.getAttribute("href") === href &&
    other.getAttribute("name") === name &&
    (element.localName === "input" && element.type !== "radio" ? true : other.getAttribute("value") === value) &&
    (other.form ?? other.closest("form"))?.getAttribute("action") === action;
  return (root) => {
    const again = element.id && document.getElementById(element.id);
    return again || [...root.querySelectorAll(element.localName)].find(same);
  };
}

function remember({ detail }) {
  const { target } = detail;
  const focused = document.activeElement;
  left = focused && target?.contains(focused) && !lost() ? { id: target.id, find: finder(focused) } : null;
}

function restore() {
  if (left === null) return;
  const { id, find } = left;
  if (!lost()) return;
  const region = id ? document.getElementById(id) : null;
  const control = find(region ?? document);
  if (control && !control.disabled) control.focus({ preventScroll: true });
  if (!lost() || !region) return;
  region.setAttribute("tabindex", "-1");
  region.focus({ preventScroll: true });
}

export function startFocus() {
  document.body.addEventListener("htmx:beforeSwap", remember);
  document.body.addEventListener("htmx:afterSwap", restore);
  document.body.addEventListener("htmx:afterSettle", () => {
    restore();
    left = null;
  });
}
