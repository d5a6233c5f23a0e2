"""Have Notice Console put a notice into a chat, and say what became of it. Standard library alone.

    NOTICE_CONSOLE=https://console.example.org NOTICE_CONSOLE_TOKEN=… \\
        python send_notice.py agent-soon 0001aB3

Exit status: 0 it is delivered; 3 it is certain that the customer does not see it. With any other,
also that of a program that crashed, nobody knows (yet): do not send it by another way.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any

WAIT_SECONDS = 5
TRIES = 3
PAUSE_SECONDS = 1
DELIVERED, NOT_SEEN, NOT_KNOWN = 0, 3, 2  # Python's own for a crash is 1
EXIT = {
    "delivered": DELIVERED,
    "failed": NOT_SEEN,
    "skipped": NOT_SEEN,
    "cancelled": NOT_SEEN,
}


def send_notice(console: str, token: str, notice: str, interaction: str) -> tuple[str, str]:
    """The delivery's status and why. Asking again is safe: `once` makes it one send."""
    asked = {"notice": notice, "interactions": [interaction], "once": True}
    request = urllib.request.Request(
        f"{console.rstrip('/')}/api/v1/sends/",
        data=json.dumps(asked).encode(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Prefer": f"wait={WAIT_SECONDS}",
        },
    )
    in_doubt = False  # whether an earlier try may have been carried out
    for tries_left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS + 5) as answer:
                return outcome_of(json.load(answer))
        except urllib.error.HTTPError as refusal:
            why = why_refused(refusal)
            if why:
                # 409: something else was sent by the same key, and may have been shown.
                is_certain = not in_doubt and refusal.code != 409
                return "failed" if is_certain else "unknown", why
            in_doubt = in_doubt or refusal.code != 429
        except (OSError, HTTPException, ValueError):
            in_doubt = True  # not reached, or the answer got lost on its way
        if tries_left:
            time.sleep(PAUSE_SECONDS)
    return "unknown", "The console did not answer."


def outcome_of(answer: Any) -> tuple[str, str]:
    """Raises ValueError if it is not the console's answer."""
    try:
        deliveries = answer.get("deliveries")
        if not deliveries:  # answered at once: the server does not wait, or has too much to do
            return "pending", ""
        return deliveries[0]["status"], deliveries[0]["detail"] or deliveries[0]["reason"]
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError("This is not what the console answers.") from error


def why_refused(refusal: urllib.error.HTTPError) -> str:
    """Empty if the console did not say so: asking again may help, or a proxy speaks for it."""
    if refusal.code == 429 or not 400 <= refusal.code < 500:
        return ""
    try:
        return str(json.load(refusal)["message"])
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return ""


def main() -> int:
    console, token = os.environ["NOTICE_CONSOLE"], os.environ["NOTICE_CONSOLE_TOKEN"]
    status, why = send_notice(console, token, notice=sys.argv[1], interaction=sys.argv[2])
    print(status, why)
    return EXIT.get(status, NOT_KNOWN)


if __name__ == "__main__":
    sys.exit(main())
