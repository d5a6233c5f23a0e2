"""Detects a database that is older than the last signed checkpoint.

Such a database came from a backup, a lagging replica or a snapshot, and lacks some of what was
done.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from console.audit.checkpoints import FILE, TAIL_BYTES, kept_outside, trusted_keys
from console.audit.models import AuditEntry, AuditSeal

AT_ONCE = 5000


def newest_kept_outside() -> dict[str, Any] | None:
    """Return the last correctly signed checkpoint in the outside folder.

    Returns None if there is none, or if checkpoints go to an address.
    """
    path = Path(settings.CHECKPOINTS_TO) / FILE
    if settings.CHECKPOINTS_TO.startswith("https://") or not settings.CHECKPOINTS_TO:
        return None
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return None
    return next(filter(None, map(_if_signed, reversed(lines))), None)


def _if_signed(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    is_signed = isinstance(said, dict) and not trusted_keys().complaint("checkpoint", said)
    return said if is_signed else None


def lost_checkpoint() -> dict[str, Any] | None:
    """Return the newest checkpoint outside if its entry is missing or different here, else None."""
    newest = newest_kept_outside()  # before the ledger, which only grows meanwhile
    return None if newest is None or _those_here([newest]) else newest


def set_aside(now: datetime) -> Path | None:
    """Start a new outside file that has only the checkpoints whose entries are here.

    Returns the path of the complete old file, the evidence of what was lost; None if all entries
    are here. Raises OSError, console.audit.verify.Unreadable.
    """
    kept = kept_outside()
    here = _those_here(kept)
    if len(here) == len(kept):
        return None
    path = Path(settings.CHECKPOINTS_TO) / FILE
    aside = path.with_name(f"checkpoints-before-{now:%Y%m%dT%H%M%SZ}.jsonl")
    begun = path.with_suffix(".new")
    begun.write_text("".join(json.dumps(said, sort_keys=True) + "\n" for said in here), "utf-8")
    path.rename(aside)
    begun.rename(path)
    return aside


def put_back(copy: Path) -> bool:
    """Copy a backup's checkpoints into the outside folder if it has no file. Return whether it did.

    Raises OSError.
    """
    path = Path(settings.CHECKPOINTS_TO) / FILE
    is_folder = settings.CHECKPOINTS_TO and not settings.CHECKPOINTS_TO.startswith("https://")
    if not is_folder or path.exists() or not copy.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(copy, path)
    return True


def _those_here(checkpoints: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the checkpoints whose entry is unchanged in this ledger, or archived."""
    seal = AuditSeal.objects.order_by("last").last()
    archived_to = seal.last if seal else 0
    hashes: dict[int, str] = {}
    for start in range(0, len(checkpoints), AT_ONCE):
        numbers = [said["seq"] for said in checkpoints[start : start + AT_ONCE]]
        hashes |= AuditEntry.objects.filter(seq__in=numbers).values_list("seq", "hash")
    return [
        said
        for said in checkpoints
        if said["seq"] <= archived_to or hashes.get(said["seq"]) == said["hash"]
    ]
