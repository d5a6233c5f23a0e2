"""Writes which columns of the history a person wants to see."""

from collections.abc import Collection

from console.actors import Actor, Permission
from console.errors import InvalidInput
from console.sends.asking.own import COLUMNS
from console.sends.models import HistoryColumns


def columns_set(actor: Actor, names: Collection[str]) -> None:
    """Keep which columns the actor wants. Raises InvalidInput for one that there is not."""
    actor.require(Permission.SEND, Permission.VIEW_HISTORY)
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise InvalidInput(
            "unknown_column",
            "There is no column {column!r}; choose of {known}.",
            {"field": "columns"},
            column=unknown[0][:40],
            known=list(COLUMNS),
        )
    chosen = [name for name in COLUMNS if name in names]
    HistoryColumns.objects.update_or_create(person_ref=actor.ref, defaults={"names": chosen})
