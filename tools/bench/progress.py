"""How far it is, to standard error."""

import sys
import time

STARTED = time.monotonic()


def say(text: str) -> None:
    print(f"  {time.monotonic() - STARTED:6.0f} s  {text}", file=sys.stderr, flush=True)
