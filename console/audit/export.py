"""Reads the ledger as lines, and writes an export of it."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from django.db import transaction
from django.utils import timezone

from console.audit.chain import canonical, canonical_time
from console.audit.checkpoints import signed
from console.audit.models import (
    AuditCertificate,
    AuditCheckpoint,
    AuditEntry,
    AuditSeal,
    AuditSignature,
)
from console.audit.models import (
    as_hashed as as_hashed,
)
from console.audit.tlog.exporting import tree_of_export
from console.audit.verify import (
    CERTIFICATES,
    CHECKPOINTS,
    ENTRIES,
    FORMAT,
    LEAF_KEYS,
    MANIFEST,
    SEALS,
    SIGNATURES,
    TREE,
    Head,
    export_line,
)

ENTRIES_A_FETCH = 2000


def ledger_lines(
    after: int = 0, *, most: int | None = None, upto: int | None = None
) -> Iterator[bytes]:
    """Yield each entry after `after`, as the database has it now, as a line of an export.

    It yields at most `most` lines, and none after `upto`. Call it in a transaction.
    """
    for _entry, _said, line in ledger_said(after, most=most, upto=upto):
        yield line


def ledger_said(
    after: int = 0, *, most: int | None = None, upto: int | None = None
) -> Iterator[tuple[AuditEntry, bytes, bytes]]:
    """Yield the entries of `ledger_lines`, each with its canonical form and its line."""
    entries = AuditEntry.objects.filter(seq__gt=after)
    if upto is not None:
        entries = entries.filter(seq__lte=upto)
    for entry in entries.order_by("seq")[:most].iterator(ENTRIES_A_FETCH):
        said = canonical(as_hashed(entry))
        yield entry, said, export_line(said, entry.hash)


def signatures_said(after: int, upto: int) -> Iterator[dict[str, Any]]:
    """Yield the signatures of the entries after `after` up to `upto`, in their order."""
    rows = AuditSignature.objects.filter(last__gt=after, last__lte=upto).order_by("last")
    for row in rows.iterator(ENTRIES_A_FETCH):
        yield row.said


def begin_of_batch(seq: int) -> int:
    """Return the first entry of the batch that has the entry `seq`; `seq` if none has."""
    row = AuditSignature.objects.filter(last__gte=seq).order_by("last").first()
    return row.first if row is not None and row.first <= seq else seq


def certificates_said() -> Iterator[dict[str, Any]]:
    """Yield the certificates of the processes' keys."""
    for certificate in AuditCertificate.objects.iterator():
        yield certificate.said


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
        entries = entries.only("seq", "hash")
        newest = (entries if archive_to is None else entries.filter(seq=archive_to)).first()
        end = Head(newest.seq, newest.hash) if newest else begin
        write_part(archive, ENTRIES, ledger_lines(begin.seq, upto=end.seq))
        checkpoints = AuditCheckpoint.objects.filter(seq__lte=end.seq).order_by("seq")
        tree = tree_of_export(begin.seq + 1, end.seq)
        parts: dict[str, Iterator[Mapping[str, Any]]] = {
            CHECKPOINTS: (item.said for item in checkpoints),
            SIGNATURES: signatures_said(begin.seq, end.seq),
            CERTIFICATES: certificates_said(),
            **({SEALS: iter(seals_said())} if begin.seq else {}),
            **({TREE: iter([tree.said()]), LEAF_KEYS: tree.keys()} if tree else {}),
        }
        files = {name: write_part(archive, name, json_lines(s)) for name, s in parts.items()}
        write_manifest(
            archive,
            "manifest",
            {
                "first": begin.seq + 1,
                "before": begin.hash,
                "last": end.seq,
                "head": end.hash,
                "files": files,
                **({"archive": True} if archive_to is not None else {}),
                **({"tree": tree.size} if tree is not None else {}),
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
