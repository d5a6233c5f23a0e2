"""Detects a database that is older than the last signed checkpoint.

Such a database came from a backup, a lagging replica or a snapshot, and lacks some of what was
done.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings

from console.audit.checkpoints import FILE, TAIL_BYTES, file_outside, trusted_keys
from console.audit.models import AuditEntry, AuditSeal
from console.audit.verify import checkpoints_from

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
    path = file_outside()
    if path is None:
        return None
    aside = path.with_name(f"checkpoints-before-{now:%Y%m%dT%H%M%SZ}.jsonl")
    begun = path.with_suffix(".new")
    lost = 0
    with begun.open("w", encoding="utf-8") as file:
        for kept in _parts(path):
            here = _those_here(kept)
            lost += len(kept) - len(here)
            file.writelines(json.dumps(said, sort_keys=True) + "\n" for said in here)
    if not lost:
        begun.unlink()
        return None
    path.rename(aside)
    begun.rename(path)
    return aside


def _parts(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Yield the checkpoints of a file, AT_ONCE at a time."""
    found = checkpoints_from(path)
    while part := [said for said, _end in islice(found, AT_ONCE)]:
        yield part


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
    numbers = [said["seq"] for said in checkpoints]
    hashes = dict(AuditEntry.objects.filter(seq__in=numbers).values_list("seq", "hash"))
    return [
        said
        for said in checkpoints
        if said["seq"] <= archived_to or hashes.get(said["seq"]) == said["hash"]
    ]
