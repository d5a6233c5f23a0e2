"""Faults on demand, changeable while the simulator runs."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

Every = Annotated[int, Meta(ge=0)]  # each n-th request; 0 is never
Times = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
_WITHOUT_END = float("inf")


class Faults(Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong. Of several that hit the same request, the first in this order counts."""

    drop_before_every: Every = 0  # connection closed, request neither journalled nor carried out
    drop_every: Every = 0  # journalled and carried out, connection closed without an answer
    cut_every: Every = 0  # journalled and carried out, connection closed in the midst of the answer
    garbage_every: Every = 0  # journalled and carried out, the answer is no frame
    silent_every: Every = 0  # journalled and carried out, no answer
    refuse_every: Every = 0  # journalled, not carried out, answered with a fault
    times: Times = 0  # after so many requests were hit by the above, no more are; 0 is without end
    latency: Seconds = 0.0  # before each answer
    half_open: bool = False  # connections are accepted and nothing is read
    not_listening: bool = False  # connections are refused, and those that were open are dropped

    def changed(self, changes: Mapping[str, Any]) -> "Faults":
        """A copy with some of them changed. Raises msgspec.ValidationError."""
        return msgspec.convert({**msgspec.structs.asdict(self), **changes}, Faults)


class Treatment(Enum):
    """What happens to one request."""

    NORMAL = auto()
    REFUSE = auto()
    SILENT = auto()
    GARBAGE = auto()
    CUT = auto()
    DROP = auto()
    DROP_BEFORE = auto()


class FaultPlan:
    """Counts requests and says which of them is hit. Counting starts anew with each change."""

    def __init__(self, faults: Faults) -> None:
        self.set(faults)

    def set(self, faults: Faults) -> None:
        """From the next request on."""
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
                (faults.refuse_every, Treatment.REFUSE),
            )
            if every
        ]

    def next_treatment(self) -> Treatment:
        """How the next request is treated."""
        self._count += 1
        for every, treatment in self._every:
            if self._hits_left and self._count % every == 0:
                self._hits_left -= 1
                return treatment
        return Treatment.NORMAL
