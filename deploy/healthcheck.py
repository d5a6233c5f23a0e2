"""Whether the console in this container does what it is there for: its first process says what.

The web server has to answer /healthz. A worker that shows metrics (CONSOLE_WORKER_METRICS_PORT)
has to answer for them; without, and for any other command, that the process lives is all there is.
"""

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 4


def main(first: Path = Path("/proc/1/cmdline")) -> int:
    command = first.read_bytes().decode(errors="replace").split("\0")
    if "serve" in command:
        port = command[command.index("--port") + 1] if "--port" in command else "8000"
        host = os.environ.get("CONSOLE_ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
        return asked(f"http://127.0.0.1:{port}/healthz", host or "localhost")
    metrics = os.environ.get("CONSOLE_WORKER_METRICS_PORT", "")
    if "worker" in command and metrics:
        return asked(f"http://127.0.0.1:{metrics}/metrics", "localhost")
    return 0


def asked(address: str, host: str) -> int:
    """0 where somebody answers, also that it takes a token: then it lives."""
    request = urllib.request.Request(address, headers={"Host": host})  # noqa: S310 - http, above
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=SECONDS
        ):
            return 0
    except urllib.error.HTTPError as error:
        return 0 if error.code == 401 else told(address, error)
    except OSError as error:
        return told(address, error)


def told(address: str, error: Exception) -> int:
    print(f"{address}: {error}", file=sys.stderr)  # noqa: T201 - into the container's health log
    return 1


if __name__ == "__main__":
    sys.exit(main())
