"""Reads the whole ledger for verification, from the database and into an export."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from django.db import transaction
from django.utils import timezone

from console.audit.chain import canonical, canonical_time
from console.audit.checkpoints import kept_outside, signed, trusted_keys
from console.audit.models import AuditCheckpoint, AuditEntry, AuditSeal
from console.audit.verify import (
    CHECKPOINTS,
    ENTRIES,
    FORMAT,
    MANIFEST,
    SEALS,
    Head,
    Keys,
    Report,
    begin_after,
    beyond,
    checked_marks,
    export_line,
    follow,
)

ENTRIES_A_FETCH = 2000
# A signature takes as long as hashing a hundred entries.
CHECKPOINTS_A_PART = 2000


def ledger_lines(
    after: int = 0, *, most: int | None = None, upto: int | None = None
) -> Iterator[bytes]:
    """Yield each entry after `after`, as the database has it now, as a line of an export.

    It yields at most `most` lines, and none after `upto`. Call it in a transaction.
    """
    entries = AuditEntry.objects.filter(seq__gt=after)
    if upto is not None:
        entries = entries.filter(seq__lte=upto)
    for entry in entries.order_by("seq")[:most].iterator(ENTRIES_A_FETCH):
        yield export_line(canonical(as_hashed(entry)), entry.hash)


def as_hashed(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry's fields in the form that `chain` takes."""
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
    """Verify the chain in the database against the checkpoints in it, outside, and in `elsewhere`.

    Raises console.audit.verify.Unreadable if the checkpoints outside can't be read.
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
    """Continue a report of the database by at most `most` entries, with the checkpoints of these
    entries alone; without `most` to the end.

    Returns whether it is complete: it reached the end, or found something.
    """
    with transaction.atomic():
        keys = trusted_keys()
        upto = None if most is None else max(report.head.seq, report.checked) + most
        part = _checkpoints(elsewhere, after=report.checked, upto=upto)
        if most is not None and len(part) > CHECKPOINTS_A_PART:
            upto = _seq(part[CHECKPOINTS_A_PART - 1])
            part = [said for said in part if _seq(said) <= upto]
        marks = checked_marks(part, keys, report)
        if report.checked < 0:
            _begin(report, keys, marks | _marks_of_seals(elsewhere, keys))
        else:
            report.sealed = [*seals_said()]
        if report.holds:
            # By number, not up to an entry: what comes after a gap shows that there is one.
            number = None if upto is None else max(0, upto - report.head.seq)
            follow(ledger_lines(report.head.seq, most=number), report, marks)
        is_end = upto is None or report.head.seq < upto
        if is_end and report.holds:
            later = _checkpoints(elsewhere, after=upto, upto=None) if upto is not None else []
            beyond(report, marks | checked_marks(later[-CHECKPOINTS_A_PART:], keys, report))
        report.checked = report.head.seq if upto is None else upto
    return is_end or not report.holds


def _begin(report: Report, keys: Keys, marks: Mapping[int, str]) -> None:
    """Start after the archived entries, and report any that is still in the database."""
    begin_after(seals_said(), keys, marks, report)
    stray = AuditEntry.objects.filter(seq__lte=report.head.seq).order_by("seq").first()
    if report.holds and stray is not None:
        report.fault(
            stray.seq,
            "Entry {seq} is in an archive, by the seal of entries up to {head}, and stands here "
            "all the same: it was put in.",
            head=report.head.seq,
        )


def _checkpoints(
    elsewhere: Sequence[Mapping[str, Any]], *, after: int, upto: int | None
) -> list[Mapping[str, Any]]:
    """Return the checkpoints of the entries after `after`, up to `upto`, in the order of these,
    from the database, from outside, and from `elsewhere`."""
    stored = AuditCheckpoint.objects.filter(seq__gt=after)
    if upto is not None:
        stored = stored.filter(seq__lte=upto)
    found: list[Mapping[str, Any]] = [each.said for each in stored.order_by("seq")]
    found += [
        said
        for said in (*kept_outside(), *elsewhere)
        if after < _seq(said) and (upto is None or _seq(said) <= upto)
    ]
    return sorted(found, key=_seq)


def _seq(said: Mapping[str, Any]) -> int:
    """Return of which entry a checkpoint is; 0, which the first part has, if it does not say so."""
    seq = said.get("seq")
    return max(seq, 0) if isinstance(seq, int) else 0


def _marks_of_seals(elsewhere: Sequence[Mapping[str, Any]], keys: Keys) -> dict[int, str]:
    """Return the hashes in valid checkpoints of the entries with which seals end."""
    ends = {said["last"] for said in seals_said()}
    if not ends:
        return {}
    stored = [each.said for each in AuditCheckpoint.objects.filter(seq__in=ends)]
    found = [said for said in (*stored, *kept_outside(), *elsewhere) if _seq(said) in ends]
    # Whoever checks the checkpoints themselves reports what is wrong with them.
    return checked_marks(found, keys, Report())


def seals_said() -> list[dict[str, Any]]:
    """Return the signed contents of the seals, the oldest first."""
    return [seal.said for seal in AuditSeal.objects.order_by("last")]


def sealed_to() -> Head:
    """Return the last archived entry's number and hash."""
    seal = AuditSeal.objects.order_by("last").last()
    return Head(seal.last, seal.hash) if seal else Head()


def export_to(file: IO[bytes] | Path, *, archive_to: int | None = None) -> tuple[int, int]:
    """Write the ledger after the archived entries to a zip file. Return its first and last number.

    It writes all entries, or for an archive those up to `archive_to`. Raises
    console.audit.checkpoints.Unsigned if there is no key for the manifest.
    """
    signed("manifest", {})  # fail before anything is written
    with transaction.atomic(), zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        begin = sealed_to()
        entries = AuditEntry.objects.order_by("-seq")
        # All entries before it are visible too, since an entry is committed after its predecessor.
        newest = (entries if archive_to is None else entries.filter(seq=archive_to)).first()
        end = Head(newest.seq, newest.hash) if newest else begin
        write_part(archive, ENTRIES, ledger_lines(begin.seq, upto=end.seq))
        checkpoints = AuditCheckpoint.objects.filter(seq__lte=end.seq).order_by("seq")
        write_part(archive, CHECKPOINTS, json_lines(item.said for item in checkpoints))
        if begin.seq:
            write_part(archive, SEALS, json_lines(seals_said()))
        write_manifest(
            archive,
            "manifest",
            {
                "first": begin.seq + 1,
                "before": begin.hash,
                "last": end.seq,
                "head": end.hash,
                **({"archive": True} if archive_to is not None else {}),
            },
        )
    return begin.seq + 1, end.seq


# --- Parts of these files ----------------------------------------------------------------------


def write_part(archive: zipfile.ZipFile, name: str, lines: Iterable[bytes]) -> str:
    """Write one file into a zip file, and return its SHA-256."""
    digest = hashlib.sha256()
    with archive.open(name, "w", force_zip64=True) as part:
        for line in lines:
            part.write(line)
            digest.update(line)
    return digest.hexdigest()


def write_manifest(archive: zipfile.ZipFile, kind: str, said: Mapping[str, Any]) -> None:
    """Write a zip file's signed manifest. Raises console.audit.checkpoints.Unsigned."""
    made_at = canonical_time(timezone.now())
    manifest = signed(kind, {"format": FORMAT, **said, "made_at": made_at})
    archive.writestr(MANIFEST, json.dumps(manifest, sort_keys=True, indent=1) + "\n")


def json_lines(items: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for item in items:
        yield json.dumps(item, sort_keys=True, ensure_ascii=False).encode() + b"\n"
