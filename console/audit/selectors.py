"""Reads of the ledger."""

from collections.abc import Collection

from django.db.models import QuerySet

from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditCheckpoint, AuditEntry, AuditSeal


def audit_entries(
    actor: Actor,
    *,
    target_kind: str = "",
    target_ref: str = "",
    action: str = "",
    actions: Collection[Action] = (),
) -> QuerySet[AuditEntry]:
    """Return the ledger's entries, newest first, for those who may read them.

    `action` is a whole action or a prefix such as "send."; `actions` restricts to any of several,
    if given.
    """
    actor.require(Permission.VIEW_AUDIT)
    entries = AuditEntry.objects.all()
    if target_kind:
        entries = entries.filter(target_kind=target_kind)
    if target_ref:
        entries = entries.filter(target_ref=target_ref)
    if action:
        entries = entries.filter(action__startswith=action)
    if actions:
        entries = entries.filter(action__in=actions)
    return entries


def audit_checkpoints(actor: Actor) -> QuerySet[AuditCheckpoint]:
    """Return the signed checkpoints, newest first, for those who may read the ledger."""
    actor.require(Permission.VIEW_AUDIT)
    return AuditCheckpoint.objects.all()


def audit_seals(actor: Actor) -> QuerySet[AuditSeal]:
    """Return the seals, newest first, for those who may read the ledger."""
    actor.require(Permission.VIEW_AUDIT)
    return AuditSeal.objects.order_by("-last")
