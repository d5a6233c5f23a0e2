"""The audit trail as a list that can be exported. The signed export is console.audit's own."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.audit.selectors import audit_entries
from console.errors import InvalidInput
from console.exports.files.cells import Row
from console.exports.subjects import Subject
from console.text.visible import is_blank

FILTERS = ("action", "target_kind", "target_ref")
LENGTH = 128
COLUMNS = (
    *("seq", "at", "actor_ref", "actor_name", "action", "target_kind", "target_ref"),
    *("target_name", "data", "prev_hash", "hash"),
)


def _read_filter(raw: Mapping[str, Any]) -> dict[str, str]:
    for name, value in raw.items():
        if name not in FILTERS:
            raise InvalidInput("unknown_filter", "There is no filter {given}.", given=name)
        if not isinstance(value, str) or is_blank(value) or len(value) > LENGTH or "\0" in value:
            raise InvalidInput(
                "invalid_filter",
                "{name}: use a text of at most {limit} characters.",
                {"field": name},
                name=name,
                limit=LENGTH,
            )
    return dict(raw)


def _rows(actor: Actor, chosen: Mapping[str, str]) -> QuerySet[AuditEntry]:
    found = audit_entries(
        actor,
        action=chosen.get("action", ""),
        target_kind=chosen.get("target_kind", ""),
        target_ref=chosen.get("target_ref", ""),
    )
    return found.order_by("-pk")


def _row(entry: AuditEntry) -> Row:
    return tuple(getattr(entry, name) for name in COLUMNS)


TRAIL = Subject(
    name="trail",
    label=_("Audit trail"),
    permission=Permission.VIEW_AUDIT,
    columns=COLUMNS,
    read_filter=_read_filter,
    model=AuditEntry,
    rows=_rows,
    planned=_rows,
    row=_row,
    action=Action.AUDIT_EXPORTED,
    target=("ledger", "", "the trail"),
)
