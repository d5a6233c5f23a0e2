// Signing in to a page in a frame of another site: in a window of its own, which tells the frame.

const CHANNEL = "console-signed-in";
const LOOK_AGAIN_MS = 2000;

// A window can tell a frame only where the browser lets both share a channel: not where the frame is
// in another site's storage. So the frame asks too, once its button was pressed.
async function isSignedIn() {
  try {
    const answer = await fetch(location.href, { redirect: "manual", cache: "no-store", headers: { "Console-Refresh": "1" } });
    return answer.ok;
  } catch {
    return false;
  }
}

async function comeIn() {
  if (await isSignedIn()) location.reload();
  else document.querySelector("[data-blocked]").hidden = false;
}

function startDoor(button) {
  const channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", comeIn);
  button.addEventListener("click", () => {
    const ask = async () => {
      if (await isSignedIn()) location.reload();
      else setTimeout(ask, LOOK_AGAIN_MS);
    };
    setTimeout(ask, LOOK_AGAIN_MS);
  }, { once: true });
}

if (document.body.hasAttribute("data-signed-in")) {
  new BroadcastChannel(CHANNEL).postMessage("signed in");
}
const button = document.querySelector("[data-own-window]");
if (button) startDoor(button);
