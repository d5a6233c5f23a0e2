"""What a run tells: a table of the faults, what became of the deliveries, and the verdict."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tools.torture.checker import TAKEOVER_SECONDS, Verdict
from tools.torture.evidence import WINDOW, Evidence

SHOWN = 10


def report(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    yield from _faults(evidence, verdict)
    yield ""
    statuses = Counter(delivery.status for delivery in evidence.deliveries)
    counts = ", ".join(f"{count:,} {status}" for status, count in statuses.most_common())
    yield f"{len(evidence.deliveries):,} deliveries in {len(evidence.sends):,} sends: {counts}"
    late = sum(bool(delivery.late) for delivery in evidence.deliveries)
    yield f"{late:,} of the unknown have a late answer"
    yield f"{len(evidence.lines):,} lines in the journals, {len(evidence.entries):,} in the ledger"
    yield _takeovers(verdict)
    yield _incidents(evidence, verdict)
    yield ""
    for name, sentences in verdict.complaints.items():
        yield f"{name:12} {len(sentences):6}"
        yield from (f"    {sentence}" for sentence in sentences[:SHOWN])
        if len(sentences) > SHOWN:
            yield f"    … and {len(sentences) - SHOWN} more"


def _faults(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    """By kind: how often, how many unknown in all, and the most for one fault and Chat Server."""
    costs: defaultdict[str, list[Any]] = defaultdict(list)
    for fault in evidence.faults:
        costs[fault.kind] += [verdict.blamed[fault.number, name] for name in fault.touched] or [0]
    numbers = Counter(fault.kind for fault in evidence.faults)
    yield f"{'fault':22} {'times':>6} {'unknown':>8} {'most':>6}   (a window is {WINDOW})"
    for kind in sorted(numbers):
        yield f"{kind:22} {numbers[kind]:6} {sum(costs[kind]):8} {max(costs[kind]):6}"
    total = sum(map(sum, costs.values()))
    yield f"{'all':22} {len(evidence.faults):6} {total:8}"


def _takeovers(verdict: Verdict) -> str:
    times = sorted(takeover.seconds or 0.0 for takeover in verdict.takeovers)
    if not times:
        return "nobody was disturbed while something was claimed"
    middle = times[len(times) // 2]
    return (
        f"gone on after {len(times)} times that work stood still: median {middle:.1f} s, "
        f"longest {times[-1]:.1f} s (at most {TAKEOVER_SECONDS:.0f})"
    )


def _incidents(evidence: Evidence, verdict: Verdict) -> str:
    waits = sorted(verdict.stages.waits) or [0.0]
    number = len(waits) - 1
    return (
        f"{len(evidence.incidents)} incidents with {len(evidence.stages)} stages, which had "
        f"{len(evidence.targets):,} chats of {len(evidence.came):,} that came; taken after "
        f"{waits[number // 2]:.1f} s in the median, {waits[number * 95 // 100]:.1f} s of 95 in a "
        f"hundred, {waits[-1]:.1f} s at most; {verdict.stages.overtaken} unknown were overtaken"
    )
