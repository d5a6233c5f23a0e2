// Asks the browser for a security key and sends what it answers. The options come from the server
// in the page; webauthn-json (of django-allauth) turns both into what the other side reads.

const WAYS = { create: "creation_options", get: "request_options" };

function say(button, words) {
  const place = button.form.querySelector("[data-key-error]");
  place.querySelector("span").textContent = place.dataset[words];
  place.hidden = false;
}

async function use(button) {
  const way = button.dataset.key;
  if (!window.isSecureContext) {
    say(button, "address");
    return;
  }
  if (!window.PublicKeyCredential || !window.webauthnJSON) {
    say(button, "unknown");
    return;
  }
  const options = JSON.parse(document.getElementById("key-options").textContent);
  button.disabled = true;
  try {
    const answer = await window.webauthnJSON[way](options[WAYS[way]]);
    button.form.elements.credential.value = JSON.stringify(answer);
    button.form.submit();
  } catch (error) {
    // An address that is a number, or another one than the console's: there no key can do it. Else
    // taken away, timed out, or not one of the keys: the browser tells no more, on purpose.
    say(button, error.name === "SecurityError" ? "address" : "refused");
    button.disabled = false;
  }
}

for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("click", () => use(button));
}
