"""Writes that the proof of a send was issued, and returns the proof."""

import hashlib
from typing import IO

from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.checkpoints import signed
from console.audit.models import AuditCosignature, AuditSeal, AuditTreeHead
from console.audit.tlog.making import tree_make
from console.audit.tlog.tree import newest_head
from console.errors import Conflict
from console.sends.models import Delivery, Send
from console.sends.proof import ledger
from console.sends.proof.archive import ProofWriter, checkpoint_after, entries_of
from console.sends.proof.delivery import entries_about, proof_under
from console.sends.proof.delivery_file import as_file, said_of
from console.text.sentences import term

# How much a tree that lags may grow within one request.
PIECES_A_PROOF = 20


def send_prove(actor: Actor, send: Send, file: IO[bytes]) -> None:
    """Write the proof of a send into `file`, and into the ledger that it was issued.

    Signs the newest entry if no checkpoint covers the send yet. For actors who may read both the
    ledger and the texts. Raises PermissionRefused; Unsigned if there is no key; Conflict if the
    send's entries are in an archive, or for a test: the draft that it sent may have changed since.
    """
    actor.require(Permission.VIEW_AUDIT)
    actor.require(Permission.VIEW_HISTORY)
    if send.is_test:
        raise Conflict("test_not_proven", "This was a test of a draft. There is no proof of it.")
    signed("proof", {})  # before anything is written
    _require_here(send)
    writer = ProofWriter(send, file)
    with writer.archive:
        writer.write_deliveries()
        checkpoint = checkpoint_after(writer.of_send_to)
        if checkpoint is None:
            audit.checkpoint_make()
            checkpoint = checkpoint_after(writer.of_send_to)
        if checkpoint is None:
            raise Conflict("not_signed_yet", "No checkpoint covers this send yet. Try again.")
        first, last = writer.write_chain(checkpoint)
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    with transaction.atomic():
        data = {"sha256": digest, "first": first, "last": last}
        audit.record(actor, Action.SEND_PROOF_MADE, target=ledger.send_target(send), data=data)


def delivery_prove(actor: Actor, delivery: Delivery) -> bytes:
    """Return the proof of one delivery, and write into the ledger that it was issued.

    Signs the newest entry and lets the tree grow if no head covers the delivery yet. For actors who
    may read both the ledger and the texts. Raises PermissionRefused; Unsigned if there is no key;
    Conflict if the delivery has not ended, its entries are in an archive, the tree does not cover
    them yet, or it was a test.
    """
    actor.require(Permission.VIEW_AUDIT)
    actor.require(Permission.VIEW_HISTORY)
    if delivery.send.is_test:
        raise Conflict("test_not_proven", "This was a test of a draft. There is no proof of it.")
    _require_here(delivery.send)
    entries = list(entries_about(delivery))
    if not any(entry.action in ledger.ENDED for entry in entries):
        raise Conflict("not_ended_yet", "This delivery has not ended yet. Try again.")
    if not any("version_sha256" in entry.data for entry in entries):
        raise Conflict(
            "too_old_for_it",
            "The entry of this send has no digest of the version, as older ones have none. The "
            "proof of the whole send says what is proved.",
        )
    proof = proof_under(_head_over(entries[-1].seq), delivery, entries)
    file = as_file(signed("delivery", said_of(proof)))
    data = {"sha256": hashlib.sha256(file).hexdigest(), "send": delivery.send_id}
    with transaction.atomic():
        target = ("delivery", delivery.pk, f"delivery {delivery.pk}")
        audit.record(actor, Action.DELIVERY_PROOF_MADE, target=target, data=data)
    return file


def _head_over(seq: int) -> AuditTreeHead:
    """Return the newest head of the tree that covers entry `seq` and that a witness cosigned; the
    newest one if there is none."""
    signed("delivery", {})  # fails if there is no key
    head = newest_head()
    if head is not None:
        of_log = AuditCosignature.objects.filter(origin=head.origin, size__gte=seq)
        sizes = of_log.order_by("-size").values_list("size", flat=True)[:1]
        cosigned = AuditTreeHead.objects.filter(origin=head.origin, size__in=list(sizes)).first()
        if cosigned is not None:
            return cosigned
    if head is None or head.size < seq:
        audit.checkpoint_make()
        tree_make(pieces=PIECES_A_PROOF, tiles=0)
        head = newest_head()
    if head is None or head.size < seq:
        raise Conflict(
            "not_in_tree_yet",
            "The signed tree of the ledger does not cover this delivery yet. Try again in a few "
            "minutes.",
        )
    return head


def _require_here(send: Send) -> None:
    """Raise Conflict if the send's entries are in an archive: then that file proves the send."""
    if entries_of(send).filter(action=Action.SEND_CREATED).exists():
        return
    seals = AuditSeal.objects.order_by("last")
    raise Conflict(
        "send_archived",
        "The entries of this send are in an archive ({names}), and no longer here: that file "
        "proves it.",
        {"files": [seal.file for seal in seals]},
        names=[seal.file for seal in seals] or term("none"),
    )
