"""An edit conflict: two people edited the same thing. The page shows both, and loses neither."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One field: what somebody else has saved meanwhile, and what was typed."""

    label: str
    saved: str
    typed: str


@dataclass(frozen=True, slots=True)
class EditConflict:
    """What templates/editing/conflict.html shows. `passable` says whether saving again puts what
    was typed in the place of what is saved; `status` is that of what is saved, if it has one."""

    title: str
    differences: Sequence[Difference]
    passable: bool = True
    status: str = ""
