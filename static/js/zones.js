// Offers the browser's own time zone first, and takes it where nobody has chosen another yet.

function offer(select) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!own) return;
  delete select.dataset.ownZone;
  const option = [...select.options].find(({ value }) => value === own);
  if (option) option.selected = true;
  else select.options[0].before(new Option(own.replaceAll("_", " "), own, true, true));
}

export function startZones() {
  const offerAll = () => document.querySelectorAll("select[data-own-zone]").forEach(offer);
  offerAll();
  document.body.addEventListener("htmx:afterSettle", offerAll);
}
