"""Reads of the ledger."""

from collections.abc import Collection

from django.db.models import QuerySet
from msgspec import Struct

from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.metrics import tree_refusal
from console.audit.models import (
    AuditCheckpoint,
    AuditEntry,
    AuditSeal,
    AuditTreeHead,
    StateCheck,
)
from console.audit.outside import kept_to
from console.audit.search import Ranges, pairs_with
from console.audit.tlog.outside import folder
from console.audit.tlog.publishing import published_to
from console.audit.tlog.tree import current_log, newest_head, verifiers
from console.audit.witnessing.quorum import Witnessing, witnessing
from console.audit.witnessing.timestamps import Stamp, newest_stamp
from console.text.sentences import Sentence


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


class Tree(Struct, frozen=True):
    """The tree over the ledger. `keys` are those of its heads, the present one first. `published`
    is the size of the published tree, None if it goes nowhere. `refused` is why it does not grow.
    """

    origin: str
    keys: list[str]
    head: AuditTreeHead
    published: int | None
    refused: Sentence | None


def audit_tree(actor: Actor) -> Tree | None:
    """Return the tree, for those who may read the ledger; None before its first head."""
    actor.require(Permission.VIEW_AUDIT)
    log, head = current_log(), newest_head()
    if log is None or head is None:
        return None
    keys = [key.vkey() for key in verifiers(log.origin)]
    published = published_to() if folder() else None
    return Tree(log.origin, keys, head, published, tree_refusal())


def audit_kept_to(actor: Actor) -> int:
    """Return up to which entry checkpoints stand outside, for those who may read the ledger."""
    actor.require(Permission.VIEW_AUDIT)
    return kept_to()


def nightly_state_check(actor: Actor) -> StateCheck | None:
    """Return how far the nightly comparison of the state with the ledger is, and what the last
    whole one found; None before the first."""
    actor.require(Permission.VIEW_AUDIT)
    return StateCheck.objects.first()


def audit_witnessing(actor: Actor) -> Witnessing | None:
    """Return what witnesses have cosigned, for those who may read the ledger; None if no policy is
    set."""
    actor.require(Permission.VIEW_AUDIT)
    return witnessing()


def audit_newest_stamp(actor: Actor) -> Stamp | None:
    """Return the newest time stamp, verified now, for those who may read the ledger; None if there
    is none."""
    actor.require(Permission.VIEW_AUDIT)
    return newest_stamp()
