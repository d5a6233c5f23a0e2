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
from django.db.models import Max

from console.audit.checkpoints import FILE, TAIL_BYTES, file_outside, trusted_keys
from console.audit.models import AuditEntry, AuditSeal
from console.audit.tlog.notes import BadNote, Checkpoint
from console.audit.tlog.outside import HEAD, TILES, folder, head_outside
from console.audit.tlog.tree import current_log
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
    return None if newest is None or those_here([newest]) else newest


def lost_head() -> Checkpoint | None:
    """Return the published head of the tree if it has more entries than this ledger, else None."""
    try:
        head = head_outside()
    except (OSError, BadNote):
        return None  # whatever it is, the tree does not grow beside it
    log = current_log()
    if head is None or log is None or head.origin != log.origin:
        return None
    newest = AuditEntry.objects.aggregate(seq=Max("seq"))["seq"] or 0
    return head if head.size > newest else None


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
            here = those_here(kept)
            lost += len(kept) - len(here)
            file.writelines(json.dumps(said, sort_keys=True) + "\n" for said in here)
    if not lost:
        begun.unlink()
        return None
    path.rename(aside)
    begun.rename(path)
    return aside


def set_tree_aside(now: datetime) -> Path | None:
    """Move the published tree into a folder beside it, so that one with another name can begin.

    Returns that folder; None if nothing is published. Raises OSError.
    """
    place = folder()
    there = [place / name for name in (HEAD, TILES) if (place / name).exists()] if place else []
    if place is None or not there:
        return None
    aside = place / f"before-{now:%Y%m%dT%H%M%SZ}"
    aside.mkdir()
    for path in there:  # the head first: what is left has none, and is no tree
        path.rename(aside / path.name)
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


def those_here(checkpoints: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
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
