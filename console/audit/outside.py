"""Writes receipts: what stands outside of the database, signed by whoever saw it there.

Whether a checkpoint has left is decided by what stands outside, never by a column that whoever owns
the database could fill in. A folder is read. What an address took is in a receipt, which only the
audit key can sign. It says so to processes that can't read the folder, too.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from console.audit.chain import canonical_time
from console.audit.checkpoints import newest_checkpoint, signed, those_signed, trusted_keys
from console.audit.models import AuditCheckpoint, AuditReceipt
from console.audit.rollback import newest_kept_outside, those_here
from console.database.clock import near_now

RECEIPT = "receipt"


def receipt_write(place: str, seq: int, digest: str) -> None:
    """Sign that `place` has all up to entry `seq` with this hash."""
    said = {"place": place, "seq": seq, "hash": digest, "at": canonical_time(near_now())}
    whole = signed(RECEIPT, said)
    AuditReceipt.objects.update_or_create(place=whole.pop("place"), defaults=whole)


def receipt_of(place: str) -> dict[str, Any] | None:
    """Return what a place has, by a receipt of this console's key."""
    found = AuditReceipt.objects.filter(place=place).first()
    if found is None or trusted_keys().complaint(RECEIPT, found.said):
        return None
    return found.said


def can_read(place: Path) -> bool:
    """Return whether this process can read a folder: on another machine it may not be there."""
    return os.access(place, os.R_OK | os.X_OK) and place.is_dir()


def newest_outside() -> Mapping[str, Any] | None:
    """Return the newest checkpoint outside, or the receipt that tells of it; None if none is.

    For those who only tell of it: who can't read the folder goes by the receipt.
    """
    place = settings.CHECKPOINTS_TO
    return _standing() if place and can_read(Path(place)) else receipt_of(place)


def _standing() -> Mapping[str, Any] | None:
    """Return the newest checkpoint outside for those who put more there. An address can't be
    read."""
    place = settings.CHECKPOINTS_TO
    return receipt_of(place) if place.startswith("https://") else newest_kept_outside()


def kept_to() -> int:
    """Return up to which entry checkpoints stand outside. 0 also if those there are of another
    ledger, for instance of a newer state of this one."""
    newest = newest_outside()
    return newest["seq"] if newest is not None and those_here([newest]) else 0


def pending() -> list[int]:
    """Return the entries whose checkpoints are to be put outside, in order. What nobody signed
    stays here.

    To an address without a receipt those go that are not noted as sent, and the newest one.
    """
    newest, checkpoints = _standing(), AuditCheckpoint.objects.order_by("seq")
    if newest is None and settings.CHECKPOINTS_TO.startswith("https://"):
        unsent = {each.seq for each in those_signed(checkpoints.filter(outside_at=None).iterator())}
        last = newest_checkpoint()
        return sorted(unsent | ({last.seq} if last is not None else set()))
    after = newest["seq"] if newest else 0
    return [each.seq for each in those_signed(checkpoints.filter(seq__gt=after).iterator())]


def is_of_another() -> bool:
    """Return whether the newest checkpoint outside is none of this ledger's."""
    newest = _standing()
    return newest is not None and not those_here([newest])
