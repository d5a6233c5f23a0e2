"""What the app that keeps the stages of incidents adds to a retry of one of their sends. That app
lies above this one, so it declares itself here (console.incidents)."""

from collections.abc import Callable
from dataclasses import dataclass

from console.sends.models import Send


@dataclass(slots=True)
class _Keeper:
    """`hold` raises Conflict if nothing of a send may be retried now, and keeps that so until the
    transaction ends; it comes before all locks of sends. `note` is told of the retry."""

    hold: Callable[[Send], None] | None = None
    note: Callable[[Send], None] | None = None


_KEEPER = _Keeper()


def kept_by(hold: Callable[[Send], None], note: Callable[[Send], None]) -> None:
    """Declare who keeps the stages."""
    _KEEPER.hold, _KEEPER.note = hold, note


def hold(send: Send) -> None:
    """Hold the stage of a send that is to be retried, if it has one."""
    if send.stage_id is not None and _KEEPER.hold is not None:
        _KEEPER.hold(send)


def note(retry: Send) -> None:
    """Tell of the retry of a stage's send."""
    if retry.stage_id is not None and _KEEPER.note is not None:
        _KEEPER.note(retry)
