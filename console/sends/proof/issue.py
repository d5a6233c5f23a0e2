"""Writes that the proof of a send was issued, and returns the proof."""

import hashlib
from typing import IO

from django.db import transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.checkpoints import signed
from console.audit.models import AuditSeal
from console.errors import Conflict
from console.sends.models import Send
from console.sends.proof import ledger
from console.sends.proof.archive import ProofWriter, checkpoint_after, entries_of
from console.text.sentences import term


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
