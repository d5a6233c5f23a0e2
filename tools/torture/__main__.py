"""make torture: sends go out while processes die and Chat Servers fail; then all is compared.

Exit code 0: nothing lost, doubled or wrong. 1: something was. 2: the time was over before all
faults and deliveries were done.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tools.torture.checker import TAKEOVER_SECONDS, Verdict, check
from tools.torture.evidence import Evidence
from tools.torture.faults import KINDS, plan
from tools.torture.gathering import gather
from tools.torture.outages import Outages
from tools.torture.report import report
from tools.torture.senders import Senders
from tools.torture.tormentor import Planned, Tormentor
from tools.torture.world import World, world

HOLDS, BROKEN, TOO_SHORT = 0, 1, 2
QUIET_SECONDS = 180.0


@dataclass(frozen=True)
class Order:
    """What was asked for on the command line."""

    faults: int
    deliveries: int
    minutes: float
    seed: int
    pause: float
    pace: float
    request_timeout: float
    judge_takeover: bool
    psdk: bool

    @property
    def command(self) -> str:
        return (
            f"python -m tools.torture --faults {self.faults} --deliveries {self.deliveries} "
            f"--minutes {self.minutes:g} --pause {self.pause:g} --pace {self.pace:g} "
            f"--request-timeout {self.request_timeout:g} --seed {self.seed}"
            + ("" if self.judge_takeover else " --only-measure-takeover")
            + (" --psdk" if self.psdk else "")
        )


def torture(order: Order, folder: Path) -> Evidence:
    """Bring it all up, let it suffer, let it come to rest, and gather what it left behind."""
    timeout, pace = order.request_timeout, order.pace
    with world(folder, request_timeout=timeout, pace=pace, psdk=order.psdk) as tortured:
        senders = Senders(tortured, seed=order.seed)
        outages = Outages(tortured, seed=order.seed)
        tormentor = Tormentor(tortured, senders)
        senders.start()
        outages.start()
        try:
            _suffer(order, tormentor, senders)
        finally:
            tormentor.finish()
            senders.stop()
            outages.stop()
        troubles = senders.troubles + tormentor.troubles + outages.troubles
        if not _comes_to_rest(tortured):
            troubles.append(f"sends were not over {QUIET_SECONDS:.0f} s after the last fault")
        statuses = tortured.supervisor.close()
        troubles += [
            f"{name} ended with {status} when asked to end"
            for name, status in statuses.items()
            if status
        ]
        _tell(
            f"{senders.repeated} calls were repeated with their key; the web process was killed "
            f"{tormentor.interrupted_creations} times while it created a send"
        )
        for process in tortured.supervisor.processes:
            troubles += process.unforeseen()
            if process.ended_by_itself:
                _tell(f"{process.name} ended by itself: {process.ended_by_itself}")
        return gather(
            tortured,
            asked=senders.asked,
            faults=tormentor.done,
            holders=senders.holders,
            came=outages.came,
            troubles=troubles,
        )


def _suffer(order: Order, tormentor: Tormentor, senders: Senders) -> None:
    deadline = time.monotonic() + order.minutes * 60
    for planned in plan(order.seed, order.faults, pause=order.pause):
        time.sleep(planned.wait)
        if time.monotonic() > deadline:
            return
        _show(planned)
        tormentor.begin(planned, KINDS[planned.kind])
    while senders.deliveries < order.deliveries and time.monotonic() < deadline:
        time.sleep(0.2)


def _comes_to_rest(tortured: World) -> bool:
    deadline = time.monotonic() + QUIET_SECONDS
    while not tortured.is_quiet():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _show(planned: Planned) -> None:
    _tell(f"{time.strftime('%H:%M:%S')} fault {planned.number}: {planned.kind}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _verdict_of(order: Order, evidence: Evidence) -> tuple[int, str, Verdict]:
    verdict = check(evidence, takeover_seconds=TAKEOVER_SECONDS if order.judge_takeover else None)
    if not verdict.holds:
        return BROKEN, "BROKEN", verdict
    faults, deliveries = len(evidence.faults), len(evidence.deliveries)
    if faults < order.faults or deliveries < order.deliveries:
        return TOO_SHORT, f"TOO SHORT: {faults} faults, {deliveries:,} deliveries", verdict
    return HOLDS, "HOLDS", verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.torture", description=__doc__)
    add = parser.add_argument
    add("--faults", type=int, default=200, help="default: %(default)s")
    add("--deliveries", type=int, default=20_000, help="at least so many; default: %(default)s")
    add("--minutes", type=float, default=25, help="faults at the longest; default: %(default)s")
    add("--seed", type=int, default=None, help="draws the same faults again; default: a new one")
    add("--pause", type=float, default=2.0, help="seconds between faults; default: %(default)s")
    add("--pace", type=float, default=60, help="of each Chat Server; default: %(default)s")
    add("--request-timeout", type=float, default=2.0, help="seconds; default: %(default)s")
    add("--only-measure-takeover", action="store_true", help="time is not part of the verdict")
    add("--psdk", action="store_true", help="the first Chat Server through Java; needs a JDK")
    options = vars(parser.parse_args())
    options["judge_takeover"] = not options.pop("only_measure_takeover")
    if options["seed"] is None:
        options["seed"] = random.SystemRandom().randrange(10**6)
    order = Order(**options)
    print(f"seed {order.seed}; again with: {order.command}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="notice-console-torture-"))
    os.chmod(folder, 0o755)  # PostgreSQL runs as a user of its own when we are root
    started = time.monotonic()
    evidence = torture(order, folder)
    status, word, verdict = _verdict_of(order, evidence)
    print("\n".join(report(evidence, verdict)))
    print(f"\n{word} after {time.monotonic() - started:.0f} s, seed {order.seed}")
    if status == HOLDS:
        shutil.rmtree(folder)
    else:
        print(f"again with: {order.command}\njournals, logs and database: {folder}")
    return status


if __name__ == "__main__":
    sys.exit(main())
