"""make simulate: the engine on a virtual clock, with faults at every step, driven by one seed.

Exit code 0: all that must hold held. 1: something did not; the last lines of the trace say how. 2:
a planted mistake was not found.
"""

import argparse
import random
import sys
import time

from tools.simulate.running import DAY_HOURS, simulate
from tools.simulate.setup import prepare

HOLDS, BROKEN, NOT_FOUND = 0, 1, 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.simulate", description=__doc__)
    parser.add_argument("--hours", type=float, default=1_000.0, help="how long, simulated")
    parser.add_argument("--day-hours", type=float, default=DAY_HOURS, help="of each day, at most")
    parser.add_argument("--seed", default="", help="a number; with /n the n-th day of it alone")
    parser.add_argument("--planted", default="", help="a mistake to be found (planted.py)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=5.0, help="for a planted mistake")
    return parser.parse_args()


def _search(name: str, seed: str, minutes: float) -> int:
    """Simulate with a planted mistake until it is found."""
    from tools.simulate.day import simulate_day
    from tools.simulate.planted import PLANTED

    began, number = time.monotonic(), 0
    with PLANTED[name]():
        while time.monotonic() < began + 60 * minutes:
            day = simulate_day(f"{seed}/{number}", DAY_HOURS)
            number += 1
            if day.violation:
                took = time.monotonic() - began
                print(f"{name}: found after {took:.1f} s, in {day.hours:.1f} h of {day.seed}:")
                print(f"  {day.violation}")
                return HOLDS
    print(f"{name}: NOT FOUND in {number} days")
    return NOT_FOUND


def main() -> int:
    arguments = _arguments()
    seed = arguments.seed or str(random.SystemRandom().randrange(1_000_000))
    prepare()
    from tools.simulate.planted import PLANTED
    from tools.simulate.report import Total, report

    if arguments.planted:
        names = list(PLANTED) if arguments.planted == "all" else [arguments.planted]
        return max(_search(name, seed, arguments.minutes) for name in names)
    print(f"make simulate HOURS={arguments.hours:g} SEED={seed}", flush=True)
    began, total = time.monotonic(), Total()
    for day in simulate(arguments.hours, seed, arguments.processes, arguments.day_hours):
        total.add(day)
        if total.violation is not None:
            break
        if total.days % 25 == 0:
            so_far = f"{total.hours:,.0f} h, {total.deliveries:,} deliveries"
            print(f"  {so_far}, {total.faults.total():,} faults", file=sys.stderr, flush=True)
    print("\n".join(report(total, seed, time.monotonic() - began)))
    return HOLDS if total.violation is None else BROKEN


if __name__ == "__main__":
    sys.exit(main())
