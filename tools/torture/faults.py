"""What can go wrong, by name, and which of it does: drawn at random from a seed."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tools.torture.evidence import Fault
from tools.torture.tormentor import Planned, Tormentor


def plan(seed: int, number: int, *, pause: float) -> list[Planned]:
    """The faults of a run, `pause` seconds apart on average: processes and Chat Servers by turns,
    and of each every kind before any comes again."""
    rng = random.Random(seed)
    decks: list[list[str]] = [[], []]
    planned = []
    for place in range(1, number + 1):
        deck = decks[place % 2]
        if not deck:
            deck += HARD if place % 2 else SOFT
            rng.shuffle(deck)
        planned.append(
            Planned(
                place,
                deck.pop(),
                rng.uniform(0.2, 1.8) * pause,
                rng.random(),
                rng.random(),
                rng.randint(1, 20),
            )
        )
    return planned


def _once(fault: str) -> Callable[[Tormentor, Planned], Fault]:
    """One request is hit, the n-th; `misbehave` waits as long as that may take. Its connection ends
    with that."""

    def do(tormentor: Tormentor, planned: Planned) -> Fault:
        faults = {fault: planned.every, "times": 1}
        return tormentor.misbehave(planned, 0.5 + planned.strength, faults, loses=True)

    return do


def _always(fault: str, *, loses: bool) -> Callable[[Tormentor, Planned], Fault]:
    """Every request is hit, for some time around the request timeout."""

    def do(tormentor: Tormentor, planned: Planned) -> Fault:
        seconds = (0.5 + planned.strength) * tormentor.world.request_timeout
        return tormentor.misbehave(planned, seconds, {fault: 1}, lasts=True, loses=loses)

    return do


def _some(fault: str) -> Callable[[Tormentor, Planned], Fault]:
    """Some requests get no answer of their own, while others do."""

    def do(tormentor: Tormentor, planned: Planned) -> Fault:
        seconds = 1.2 * tormentor.world.request_timeout
        faults = {fault: 3, "times": planned.every}
        return tormentor.misbehave(planned, seconds, faults, most=planned.every)

    return do


def _late_to_some(tormentor: Tormentor, planned: Planned) -> Fault:
    """Some answers come after the time of their requests, and stand beside the unknowns."""
    timeout = tormentor.world.request_timeout
    late_by = (1.1 + planned.strength) * timeout
    faults = {"late_every": 3, "times": planned.every, "late_seconds": late_by}
    return tormentor.misbehave(planned, 1.2 * timeout, faults, most=planned.every)


def _harmless(**faults: Any) -> Callable[[Tormentor, Planned], Fault]:
    """All have their answers, and nothing may be unknown."""

    def do(tormentor: Tormentor, planned: Planned) -> Fault:
        seconds = 0.5 + planned.strength
        return replace(tormentor.misbehave(planned, seconds, faults), touched=())

    return do


def _refusing(tormentor: Tormentor, planned: Planned) -> Fault:
    """Some requests are refused, of which nothing is unknown."""
    return _harmless(refuse_every=planned.every)(tormentor, planned)


def _half_open(tormentor: Tormentor, planned: Planned) -> Fault:
    seconds = (0.5 + planned.strength) * tormentor.world.request_timeout
    faults = {"half_open": True}
    return tormentor.misbehave(planned, seconds, faults, lasts=True, loses=True)


def _slow(tormentor: Tormentor, planned: Planned) -> Fault:
    """Answers come late: just in time, or after it."""
    timeout = tormentor.world.request_timeout
    faults = {"latency": (0.4 + planned.strength) * timeout}
    return tormentor.misbehave(planned, 1.2 * timeout, faults, lasts=True)


def _not_listening(tormentor: Tormentor, planned: Planned) -> Fault:
    seconds = 0.2 + 2 * planned.strength
    return tormentor.misbehave(planned, seconds, {"not_listening": True}, loses=True)


KINDS: dict[str, Callable[[Tormentor, Planned], Fault]] = {
    "worker killed": Tormentor.kill_worker,
    "worker terminated": Tormentor.terminate_worker,
    "worker cut off, ended": Tormentor.cut_off_and_terminate,
    "worker frozen shortly": Tormentor.freeze_shortly,
    "worker frozen long": Tormentor.freeze_long,
    "clock apart": Tormentor.shift_clock,
    "web killed": Tormentor.kill_web,
    "web frozen": Tormentor.freeze_web,
    "database stopped": Tormentor.stop_database,
    "database read-only": Tormentor.refuse_writes,
    "database full": Tormentor.fill_disk,
    "database silent": Tormentor.silence_database,
    "connections cut": Tormentor.cut_connections,
    "all sessions ended": Tormentor.end_all_sessions,
    "ghosts": Tormentor.leave_ghosts,
    "chat server killed": Tormentor.kill_simulator,
    "chat server silent": Tormentor.silence_chat_server,
    "hangs shortly": Tormentor.hang_shortly,
    "hangs long": Tormentor.hang_long,
    "drops": _once("drop_every"),
    "drops always": _always("drop_every", loses=True),
    "drops before": _once("drop_before_every"),
    "answers garbage": _once("garbage_every"),
    "answers half": _once("cut_every"),
    "answers twice": _harmless(double_every=1),
    "answers strangers": _some("stray_every"),
    "answers late": _late_to_some,
    "answers differ": _harmless(numbered=True),
    "silent to some": _some("silent_every"),
    "silent to all": _always("silent_every", loses=False),
    "refuses": _refusing,
    "half-open": _half_open,
    "slow": _slow,
    "not listening": _not_listening,
}
HARD = [
    *("worker killed", "worker killed", "database stopped", "web killed"),
    *("worker terminated", "chat server killed", "connections cut"),
    *(
        "worker cut off, ended",
        "worker frozen shortly",
        "worker frozen long",
        "web frozen",
        "clock apart",
    ),
    *("database read-only", "database full", "database silent", "all sessions ended", "ghosts"),
]
SOFT = sorted(KINDS.keys() - {*HARD})
