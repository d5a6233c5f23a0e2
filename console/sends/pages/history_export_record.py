"""Writes that the history was exported, and returns the export."""

from collections.abc import Iterator

from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.sends.history_filter import DeliveryFilter
from console.sends.pages.history_csv import rows_as_csv
from console.sends.selectors import history_search


def history_export(actor: Actor, *, filter: DeliveryFilter) -> Iterator[bytes]:
    """Record the export and its filter in the ledger, then return the matching deliveries as parts
    of CSV. Raises PermissionRefused."""
    actor.require(Permission.VIEW_HISTORY)
    with transaction.atomic():
        audit.record(
            actor,
            Action.HISTORY_EXPORTED,
            target=("history", "", "the history"),
            data=filter.to_mapping(),
        )
    return rows_as_csv(history_search(actor, filter))
