"""Which class of notices has the next turn at a Chat Server. Needs neither a database nor a clock.

The most urgent class goes first, and none starves: each class with due deliveries gets at least one
of any EVERY grants. A class waits for its grant while it has something due; `waited` has the grants
that others got meanwhile. After PATIENCE of them it is its turn. All classes but one may have to
wait at that moment, and each of them takes one grant, so PATIENCE is less than EVERY by these.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from console.catalogue.models import NoticeClass
from console.database.connections import array
from console.sends.engine.outcomes import ClaimedDelivery

T = TypeVar("T")
Waited = Mapping[str, int]
ORDER = tuple(NoticeClass.values)
EVERY = 16
PATIENCE = EVERY - len(ORDER) + 1


def next_class(waited: Waited, due: Collection[str]) -> str:
    """Return the class of those that are `due` to which the next grant goes."""
    impatient = [name for name in ORDER if name in due and waited.get(name, 0) >= PATIENCE]
    if impatient:
        return max(impatient, key=lambda name: waited.get(name, 0))
    return next(name for name in ORDER if name in due)


def after(waited: Waited, due: Collection[str], name: str, grants: int = 1) -> dict[str, int]:
    """Return what the classes have waited for after one of them got grants in a row."""
    return {each: 0 if each == name else waited.get(each, 0) + grants for each in due}


def reserved(waited: Waited, room: int) -> dict[str, int]:
    """Return how many of the next `room` grants a class may claim by its patience alone, however
    many the others have due. The most urgent one needs none."""
    return {
        name: (min(waited.get(name, 0), PATIENCE) + room) // (PATIENCE + 1)
        if name != ORDER[0]
        else 0
        for name in ORDER
    }


def in_order(
    found: Iterable[T], class_of: Callable[[T], str], waited: Waited, due: Collection[str]
) -> tuple[list[T], dict[str, int]]:
    """Return what was claimed in the order of the classes' turns, and what the classes have waited
    for after that. Within a class the order stays. `due` are the classes that had something due."""
    if not due:
        return list(found), dict(waited)
    queues: dict[str, deque[T]] = {}
    for each in found:
        queues.setdefault(class_of(each), deque()).append(each)
    waiting = {*due, *queues}
    if len(queues) == 1:
        ((name, only),) = queues.items()
        return list(only), after(waited, waiting, name, len(only))
    ordered: list[T] = []
    now = dict(waited)
    while queues:
        name = next_class(now, queues)
        ordered.append(queues[name].popleft())
        now = after(now, waiting, name)
        if not queues[name]:
            del queues[name]
    return ordered, now


@dataclass(slots=True)
class Turns:
    """What a worker remembers of a Chat Server's turns: when each send had its last one, in seconds
    since 1970, by the sends' ids, and what the classes have waited for."""

    sends: dict[int, float] = field(default_factory=dict)
    waited: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Line:
    """The line in which deliveries stand in one step of a drain.

    `granted` is how many deliveries the step may claim, `taken` how many of each class it has
    claimed. `due` are the classes that had something due.
    """

    turns: Turns
    granted: int
    due: set[str] = field(default_factory=set)
    taken: Mapping[str, int] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Return the parameters of CLAIM."""
        most = reserved(self.turns.waited, self.granted)
        return {
            "turns": msgspec.json.encode(
                {str(pk): at for pk, at in self.turns.sends.items()}
            ).decode(),
            "classes": list(ORDER),
            "reserved": array(max(0, most[name] - self.taken.get(name, 0)) for name in ORDER),
            "waited": array(self.turns.waited.get(name, 0) for name in ORDER),
        }

    def key(self, name: str, place: int) -> tuple[int, int, int]:
        """Return the order of the delivery at this place of its class, as CLAIM has it."""
        left = reserved(self.turns.waited, self.granted)[name] - self.taken.get(name, 0)
        patience = -self.turns.waited.get(name, 0) if place <= left else 1
        return patience, ORDER.index(name), place

    def note(self, waiting: int, claimed: Sequence[ClaimedDelivery]) -> None:
        """Note which classes had something due, by their bits, and what the step has claimed."""
        self.due |= {name for rank, name in enumerate(ORDER, start=1) if waiting >> rank & 1}
        self.taken = Counter(delivery.notice_class for delivery in claimed)

    def in_order(
        self, claimed: Iterable[ClaimedDelivery]
    ) -> tuple[list[ClaimedDelivery], dict[str, int]]:
        """Return the deliveries in the order in which they leave, and what the classes have waited
        for after that."""
        return in_order(claimed, lambda each: each.notice_class, self.turns.waited, self.due)
