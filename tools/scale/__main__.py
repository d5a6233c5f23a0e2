"""make scale: fill the database that the settings name with years of sends and their ledger, to
look at or to measure. It must have no send yet but those of a demo's first minutes: nothing is
deleted."""

import argparse
import os
import sys
import time

SENDS_MOST = 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.scale", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="deliveries (%(default)s)")
    parser.add_argument("--seed", type=int, default=17, help="default: %(default)s")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    import django

    django.setup()
    from console.sends.models import Delivery, Send
    from tools.scale.filling import fill, searchable
    from tools.scale.ledger import write_ledger

    if not Delivery.objects.exists():
        print("Make one send first: its rows are the pattern of all others.", file=sys.stderr)
        return 2
    if Send.objects.count() > SENDS_MOST:
        print(f"There are more than {SENDS_MOST:,} sends already.", file=sys.stderr)
        return 2
    began = time.monotonic()
    fill(options.size, seed=options.seed, packed=True)
    print(f"{options.size:,} deliveries after {time.monotonic() - began:.0f} s", flush=True)
    for number in write_ledger():
        said = f"{number:,} sends stand in the ledger, {time.monotonic() - began:.0f} s"
        print(said, flush=True)
    for number in searchable():
        print(f"{number:,} sends can be searched, {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
