"""Faults on demand, changeable while the simulator runs."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

Every = Annotated[int, Meta(ge=0)]  # every n-th request; 0 means never
Times = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
_WITHOUT_END = float("inf")


class Faults(Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong. If several hit the same request, the first in this order counts."""

    drop_before_every: Every = 0  # connection closed, request neither journalled nor carried out
    drop_every: Every = 0  # journalled and carried out, connection closed without an answer
    cut_every: Every = 0  # journalled and carried out, connection closed in the midst of the answer
    garbage_every: Every = 0  # journalled and carried out, the answer is no frame
    silent_every: Every = 0  # journalled and carried out, no answer
    stray_every: Every = 0  # journalled and carried out, the answer names another request
    double_every: Every = 0  # no fault of the request: answered twice
    late_every: Every = 0  # answered, but `late_seconds` later than others
    refuse_every: Every = 0  # journalled, not carried out, answered with a fault
    times: Times = 0  # how many requests the above may hit; 0 means any number
    latency: Seconds = 0.0  # before each answer
    late_seconds: Seconds = 5.0  # see late_every
    half_open: bool = False  # connections are accepted, but nothing is read
    not_listening: bool = False  # connections are refused, and open ones are dropped
    numbered: bool = False  # no fault: each answer has a number of its own, so all differ

    def changed(self, changes: Mapping[str, Any]) -> "Faults":
        """Return a copy with some of them changed. Raises msgspec.ValidationError."""
        return msgspec.convert({**msgspec.structs.asdict(self), **changes}, Faults)


class Treatment(Enum):
    """What happens to one request."""

    NORMAL = auto()
    REFUSE = auto()
    SILENT = auto()
    STRAY = auto()
    DOUBLE = auto()
    LATE = auto()
    GARBAGE = auto()
    CUT = auto()
    DROP = auto()
    DROP_BEFORE = auto()


class FaultPlan:
    """Counts requests and decides which of them is hit. Each change restarts the count."""

    def __init__(self, faults: Faults) -> None:
        self.set(faults)

    def set(self, faults: Faults) -> None:
        """Apply faults from the next request on."""
        self.faults = faults
        self._count = 0
        self._hits_left = faults.times or _WITHOUT_END
        self._every = [
            (every, treatment)
            for every, treatment in (
                (faults.drop_before_every, Treatment.DROP_BEFORE),
                (faults.drop_every, Treatment.DROP),
                (faults.cut_every, Treatment.CUT),
                (faults.garbage_every, Treatment.GARBAGE),
                (faults.silent_every, Treatment.SILENT),
                (faults.stray_every, Treatment.STRAY),
                (faults.double_every, Treatment.DOUBLE),
                (faults.late_every, Treatment.LATE),
                (faults.refuse_every, Treatment.REFUSE),
            )
            if every
        ]

    def next_treatment(self) -> Treatment:
        """Return how the next request is treated."""
        self._count += 1
        for every, treatment in self._every:
            if self._hits_left and self._count % every == 0:
                self._hits_left -= 1
                return treatment
        return Treatment.NORMAL
