"""make bench: figures side by side, in one run. Ratios are the medians of the rounds' own ratios.

Nothing is asserted here: the machine is whatever it is. The same is written as JSON to
bench-results/bench.json.
"""

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import measures
from tests.bench.world import WINDOW, make_chats, world

RESULTS = Path("bench-results") / "bench.json"


@dataclass
class Comparison:
    """`first` and `second` are medians in `unit`; `ratio` is the median of first / second."""

    name: str
    unit: str
    first: float
    second: float
    ratio: float
    goal: str


def compare(
    name: str, unit: str, goal: str, rounds: int, measure: Callable[[], tuple[float, float]]
) -> Comparison:
    pairs = []
    for number in range(rounds):
        pairs.append(measure())
        print(f"  {name}: round {number + 1} of {rounds}", file=sys.stderr)
    return Comparison(
        name,
        unit,
        statistics.median(first for first, _second in pairs),
        statistics.median(second for _first, second in pairs),
        statistics.median(first / second for first, second in pairs),
        goal,
    )


def run(rounds: int, number: int) -> list[Comparison]:
    with world() as simulator:
        ids = make_chats(max(number, 10_000))

        def engine_rate(ids: list[str]) -> float:
            _seconds, send = measures.create_send(ids)
            return len(ids) / measures.engine(send)

        engine_rate(ids[:1000])  # warm
        return [
            compare(
                f"engine : bare ESP client (window {WINDOW})",
                "deliveries/s",
                "at least 0.5",
                rounds,
                lambda: (
                    engine_rate(ids[:number]),
                    number / measures.bare_client(simulator.url, ids[:number]),
                ),
            ),
            compare(
                f"cost a delivery, {number:,} : 1,000 at once",
                "µs",
                "at most 1.3",
                rounds,
                lambda: (1e6 / engine_rate(ids[:number]), 1e6 / engine_rate(ids[:1000])),
            ),
            compare(
                "creating a send of 10,000 : of 1,000",
                "targets/s",
                "at least 5,000 targets/s",
                rounds,
                lambda: (
                    10_000 / _created(ids[:10_000]),
                    1_000 / _created(ids[:1000]),
                ),
            ),
            compare(
                "single send to the journal : one commit + one round trip",
                "ms",
                "at most 3",
                rounds,
                lambda: (
                    1e3 * measures.single_send(simulator),
                    1e3 * measures.commit_and_round_trip(simulator.url),
                ),
            ),
        ]


def _created(ids: list[str]) -> float:
    seconds, send = measures.create_send(ids)
    measures.engine(send)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--number", type=int, default=10_000, help="deliveries a round")
    options = parser.parse_args()
    results = run(options.rounds, options.number)
    print(f"{platform.machine()}, Python {platform.python_version()}, {options.rounds} rounds\n")
    width = max(len(result.name) for result in results)
    print(f"{'':{width}}  {'first':>12}  {'second':>12}  {'unit':14} {'ratio':>6}  goal")
    for result in results:
        print(
            f"{result.name:{width}}  {result.first:12,.1f}  {result.second:12,.1f}  "
            f"{result.unit:14} {result.ratio:6.2f}  {result.goal}"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
