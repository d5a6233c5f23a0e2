"""Reads the whole ledger for those who verify it: from the database, and into an export."""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from django.db import transaction
from django.utils import timezone

from console.audit.chain import canonical, canonical_time
from console.audit.checkpoints import kept_outside, signed, trusted_keys
from console.audit.models import AuditCheckpoint, AuditEntry
from console.audit.verify import (
    CHECKPOINTS,
    ENTRIES,
    FORMAT,
    GENESIS,
    MANIFEST,
    Report,
    beyond,
    checked_marks,
    export_line,
    follow,
)

ENTRIES_A_FETCH = 2000


def ledger_lines(after: int = 0, most: int | None = None) -> Iterator[bytes]:
    """Each entry after `after` as it stands in the database now, as a line of an export; at most
    `most`. In a transaction."""
    entries = AuditEntry.objects.filter(seq__gt=after).order_by("seq")[:most]
    for entry in entries.iterator(ENTRIES_A_FETCH):
        yield export_line(canonical(as_hashed(entry)), entry.hash)


def as_hashed(entry: AuditEntry) -> dict[str, Any]:
    """An entry's fields as `chain` takes them."""
    return {
        "seq": entry.seq,
        "at": canonical_time(entry.at),
        "actor_ref": entry.actor_ref,
        "actor_name": entry.actor_name,
        "action": entry.action,
        "target_kind": entry.target_kind,
        "target_ref": entry.target_ref,
        "target_name": entry.target_name,
        "data": entry.data,
        "prev_hash": entry.prev_hash,
    }


def verify_database(elsewhere: Sequence[Mapping[str, Any]] = ()) -> Report:
    """Follow the chain in the database, beside the checkpoints that are kept in it, outside, and
    `elsewhere`.

    Raises console.audit.verify.Unreadable where the checkpoints outside can't be read.
    """
    report = Report()
    verify_part(report, elsewhere=elsewhere)
    return report


def verify_part(
    report: Report,
    *,
    most: int | None = None,
    elsewhere: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Go on with a report of the database for at most `most` entries; answers whether that was the
    end, or something was found."""
    with transaction.atomic():
        kept = [checkpoint.said for checkpoint in AuditCheckpoint.objects.order_by("seq")]
        report.checkpoints = 0
        marks = checked_marks([*kept, *kept_outside(), *elsewhere], trusted_keys(), report)
        before = report.followed
        follow(ledger_lines(report.head.seq, most), report, marks)
        if report.holds and most is not None and report.followed - before == most:
            return False
        beyond(report, marks)
    return True


def export_to(file: IO[bytes] | Path) -> int:
    """Write the whole ledger as a zip file; answers the number of its last entry.

    Raises console.audit.checkpoints.Unsigned where there is no key for the manifest.
    """
    signed("manifest", {})  # before anything is written
    last, head = 0, GENESIS
    with transaction.atomic(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(ENTRIES, "w", force_zip64=True) as entries:
            for entry in AuditEntry.objects.order_by("seq").iterator(ENTRIES_A_FETCH):
                entries.write(export_line(canonical(as_hashed(entry)), entry.hash))
                last, head = entry.seq, entry.hash
        checkpoints = AuditCheckpoint.objects.filter(seq__lte=last).order_by("seq")
        lines = [json.dumps(item.said, sort_keys=True) + "\n" for item in checkpoints]
        archive.writestr(CHECKPOINTS, "".join(lines))
        manifest = signed(
            "manifest",
            {
                "format": FORMAT,
                "first": 1,
                "before": GENESIS,
                "last": last,
                "head": head,
                "made_at": canonical_time(timezone.now()),
            },
        )
        archive.writestr(MANIFEST, json.dumps(manifest, sort_keys=True, indent=1) + "\n")
    return last
