"""An edit conflict: two people edited the same thing. The page shows both, and loses neither."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One field: the value that somebody else has saved meanwhile, and the typed one."""

    label: str
    saved: str
    typed: str


@dataclass(frozen=True, slots=True)
class EditConflict:
    """The context of templates/editing/conflict.html. `passable` says whether saving again replaces
    the saved state with the input; `status` is the saved state's, if it has one."""

    title: str
    differences: Sequence[Difference]
    passable: bool = True
    status: str = ""
