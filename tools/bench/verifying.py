"""Verifies an export in a process of its own, as `verify.py` does, beside bare SHA-256."""

import hashlib
import json
import os
import sys
import time
from pathlib import Path

from console.audit.verify import ENTRIES, Keys, sentences, verify_export


def main() -> None:
    """Write a line of JSON for each round: for so many processes, for one process, and for one that
    only hashes the lines, the seconds by the clock and of CPU."""
    folder, key, processes, rounds = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:5])
    for number in range(rounds + 1):
        told = {
            "bare": _bare(folder / ENTRIES),
            "all": _verified(folder, key, processes),
            "one": _verified(folder, key, 1),
        }
        if number:  # the first one warms up
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


def _bare(path: Path) -> tuple[float, float]:
    begin = _now()
    with path.open("rb") as file:
        for line in file:
            hashlib.sha256(line).digest()
    return _since(begin)


def _verified(folder: Path, key: str, processes: int) -> tuple[float, float]:
    begin = _now()
    report = verify_export(folder, Keys([key]), processes=processes)
    seconds = _since(begin)
    if report.findings or report.signed != report.followed:
        sys.exit(" ".join(sentences(report)))
    return seconds


def _now() -> tuple[float, float]:
    """The clock, and the CPU time of this process and of those that it started."""
    used = os.times()
    return time.perf_counter(), used.user + used.system + used.children_user + used.children_system


def _since(begin: tuple[float, float]) -> tuple[float, float]:
    now = _now()
    return now[0] - begin[0], now[1] - begin[1]


if __name__ == "__main__":
    main()
