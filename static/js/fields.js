// What stands in a form, and putting it back. Never passwords, files or tokens.

// The rows of an audience's builder say what the text beside them says.
const NOT_KEPT =
  /^(csrfmiddlewaretoken|kept_as|expected_plan|notices|chat|audience_from)$|^(id|any|not|field|key|op|value):r|password|secret/;

const isKept = (form) => ([name, value]) =>
  typeof value === "string" && !NOT_KEPT.test(name) && form.elements[name]?.type !== "password";

export const fieldsOf = (form) => [...new FormData(form)].filter(isKept(form));

const plain = (value) => value.replace(/\r\n?/g, "\n");

// Hidden fields are not a person's, but for the chats that they chose.
const HIDDEN = "input[type=hidden]:not([data-selection-rest], [data-everything], [data-filters])";

// What a person has typed or chosen.
export function typedOf(form, fields = fieldsOf(form)) {
  const hidden = new Set([...form.querySelectorAll(HIDDEN)].map(({ name }) => name));
  const typed = fields.filter(([name]) => !hidden.has(name)).map(([name, value]) => [name, plain(value)]);
  return JSON.stringify(typed);
}

const controls = (form, name) => [...form.elements].filter((control) => control.name === name);

const isChoice = (control) => ["checkbox", "radio"].includes(control.type);

function fillNamed(form, name, values) {
  const left = [...values];
  for (const control of controls(form, name)) {
    if (isChoice(control)) {
      const at = left.indexOf(control.value);
      control.checked = at >= 0;
      if (at >= 0) left.splice(at, 1);
    } else if (left.length && control.type !== "file" && control.type !== "submit") {
      const value = left.shift();
      control.value = value;
      if (plain(control.value) !== plain(value)) left.push(value); // a choice that is no longer there
    }
  }
  return left;
}

// Answers what has no place in the form any more.
export function fill(form, fields) {
  const byName = new Map();
  // A box that is not marked is not among the fields of then.
  for (const control of form.elements) if (isChoice(control) && control.name) byName.set(control.name, []);
  for (const [name, value] of fields) byName.set(name, [...(byName.get(name) ?? []), value]);
  const left = [];
  for (const [name, values] of byName) {
    if (name && isKept(form)([name, ""])) left.push(...fillNamed(form, name, values));
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
  form.dispatchEvent(new Event("change", { bubbles: true }));
  return left.filter((value) => value.trim());
}

// The same as a form of its own, for a page that has to make rows for it first.
export function sendBack(form, fields) {
  const carrier = document.createElement("form");
  carrier.method = "post";
  carrier.action = form.action;
  const token = form.elements.csrfmiddlewaretoken?.value ?? "";
  for (const [name, value] of [["csrfmiddlewaretoken", token], ["put_back", "1"], ...fields]) {
    const input = document.createElement("textarea");
    input.name = name;
    input.value = value;
    carrier.append(input);
  }
  carrier.hidden = true;
  document.body.append(carrier);
  carrier.submit();
}
