"""Reads of the ledger."""

from collections.abc import Collection

from django.db.models import QuerySet

from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditCheckpoint, AuditEntry, AuditSeal
from console.audit.search import Ranges, pairs_with


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


def audit_search(
    actor: Actor, *, target_kind: str = "", target_ref: str = "", action: str = ""
) -> Ranges | QuerySet[AuditEntry]:
    """Return what `audit_entries` returns, to be read in parts from either end. What a part costs
    does not grow with the ledger."""
    actor.require(Permission.VIEW_AUDIT)
    if target_ref and not target_kind:
        # Without the kinds PostgreSQL would have to read the index of targets as a whole.
        kinds = {kind for _action, kind in pairs_with(action=action)}
        entries = audit_entries(actor, target_ref=target_ref, action=action)
        return entries.filter(target_kind__in=sorted(kinds))
    if target_ref or not (action or target_kind):
        return audit_entries(actor, target_kind=target_kind, target_ref=target_ref, action=action)
    return Ranges(pairs_with(action=action, target_kind=target_kind))


def audit_checkpoints(actor: Actor) -> QuerySet[AuditCheckpoint]:
    """Return the signed checkpoints, newest first, for those who may read the ledger."""
    actor.require(Permission.VIEW_AUDIT)
    return AuditCheckpoint.objects.all()


def audit_seals(actor: Actor) -> QuerySet[AuditSeal]:
    """Return the seals, newest first, for those who may read the ledger."""
    actor.require(Permission.VIEW_AUDIT)
    return AuditSeal.objects.order_by("-last")
