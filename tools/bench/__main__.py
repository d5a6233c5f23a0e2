"""make bench: figures side by side, in one run. Ratios are the medians of the rounds' own ratios.

Nothing is asserted here: the machine is whatever it is. docs/performance.md tells how to read it.
The exit status is 1 where a measure could not be taken.
"""

import argparse
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from tools.bench.progress import say
from tools.bench.results import Row, table, write_json
from tools.bench.world import World, prepared, world

RESULTS = Path("bench-results") / "bench.json"
# In this order; imported when Django is set up. Each takes the world and answers rows.
MEASURES = {
    "client": "measures",
    "least": "least",
    "processors": "processors",
    "many": "many",
    "fairness": "fairness",
    "procrastinate": "baselines.jobs",
    "celery": "baselines.tasks",
    "cost": "measures",
    "creating": "measures",
    "rendering": "rendering",
    "single": "served",
    "waiting": "waiting",
    "standing": "standing",
    "pages": "served",
    "pages_cpu": "page_cost",
    "catalogue": "catalogue",
    "audience": "audience",
    "feed": "feed",
    "history": "history",
    "board": "board",
    "pacing": "pacing",
    "ledger": "ledger",
    "append": "append",
    "delivery_proof": "delivery_proof",
    "verifier": "ledger",
}


def main() -> int:
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # end what was started, too
    with (
        prepared() as folder,
        world(
            folder,
            rounds=options.rounds,
            number=options.number,
            standing_seconds=options.standing_seconds,
            history=options.history,
            history_at=options.history_at,
            board_seconds=options.board_seconds,
            ledger=options.ledger,
        ) as made,
    ):
        rows = [row for name in options.only for row in _take(name, made)]
    facts = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "rounds": options.rounds,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    print(", ".join(f"{name} {value}" for name, value in facts.items()), end="\n\n")
    print(table(rows))
    write_json(RESULTS, rows, **facts)
    print(f"\nAlso in {RESULTS}, with the figures of every round.")
    return 1 if any(row.is_failed for row in rows) else 0


def _take(name: str, made: World) -> list[Row]:
    """One measure; where it fails the others are taken all the same."""
    say(f"{name} …")
    try:
        rows: list[Row] = getattr(import_module(f"tools.bench.{MEASURES[name]}"), name)(made)
    except Exception as error:
        traceback.print_exc()
        return [Row(name, name, is_failed=True, note=f"{type(error).__name__}: {error}")]
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--rounds", type=_number(1, 1000), default=5, help="default: %(default)s")
    parser.add_argument(
        "--number",
        type=_number(100, 100_000),
        default=100_000,
        help="deliveries of a large send; less is a quicker look (default: %(default)s)",
    )
    parser.add_argument(
        "--standing-seconds",
        type=_number(2, 3600),
        default=300,
        help="for how long new chats come to a standing stage (default: %(default)s)",
    )
    parser.add_argument(
        "--history",
        type=_number(100_000, 100_000_000),
        default=1_000_000,
        help="deliveries of a long history (default: %(default)s)",
    )
    parser.add_argument(
        "--history-at",
        metavar="FOLDER",
        default="",
        help="the data of a console that make scale has filled, as the long history",
    )
    parser.add_argument(
        "--board-seconds",
        type=_number(5, 3600),
        default=60,
        help="for how long a round of open boards lasts (default: %(default)s)",
    )
    parser.add_argument(
        "--ledger",
        type=_number(200_000, 100_000_000),
        default=1_000_000,
        help="entries of a long ledger (default: %(default)s)",
    )
    parser.add_argument(
        "--only",
        type=_names,
        default=list(MEASURES),
        metavar="NAME[,NAME]",
        help=f"some of: {', '.join(MEASURES)}",
    )
    return parser


def _number(least: int, most: int) -> Callable[[str], int]:
    def convert(raw: str) -> int:
        if not raw.isdecimal() or not least <= int(raw) <= most:
            raise argparse.ArgumentTypeError(f"use a whole number from {least:,} to {most:,}")
        return int(raw)

    return convert


def _names(raw: str) -> list[str]:
    wanted = [name.strip() for name in raw.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(f"choose from {', '.join(MEASURES)}")
    return [name for name in MEASURES if name in wanted]


if __name__ == "__main__":
    sys.exit(main())
