"""The manifest of a backup: its ledger's head, its open deliveries, and its files' digests."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from django.utils.crypto import salted_hmac

from console.audit.checkpoints import signed, trusted_keys
from console.backups.programs import server_major
from console.errors import Conflict, InvalidInput
from console.site.version import console_version

FORMAT = "notice-console-backup-1"
MANIFEST = "manifest.json"
DUMP = "database.dump"
CHECKPOINTS = "checkpoints.jsonl"
KIND = "backup"

FACTS = """
SELECT coalesce((SELECT max(seq) FROM audit_auditentry), 0),
       coalesce((SELECT hash FROM audit_auditentry ORDER BY seq DESC LIMIT 1), ''),
       (SELECT count(*) FROM sends_send), (SELECT count(*) FROM sends_delivery),
       (SELECT count(*) FROM sends_outbox)
"""
MIGRATIONS = "SELECT app || '.' || name FROM django_migrations ORDER BY 1"


def facts_with(cursor: Any) -> dict[str, Any]:
    """Return facts about the database in the snapshot of `cursor`, from which the dump is made."""
    cursor.execute(FACTS)
    seq, digest, sends, deliveries, open_deliveries = cursor.fetchone()
    cursor.execute(MIGRATIONS)
    return {
        "ledger": {"seq": seq, "hash": digest},
        "sends": sends,
        "deliveries": deliveries,
        "open_deliveries": open_deliveries,
        "migrations": [name for (name,) in cursor.fetchall()],
    }


def secret_key_mark(secret_key: str) -> str:
    """Return a digest that identifies a secret key.

    The key can't be guessed from it, since it is long and random.
    """
    return salted_hmac("console.backups", "mark", secret=secret_key, algorithm="sha256").hexdigest()


def write_manifest(folder: Path, facts: Mapping[str, Any], *, made_at: str) -> dict[str, Any]:
    """Write and return the manifest of the files in `folder`, signed if there is a key."""
    said = {
        "format": FORMAT,
        "made_at": made_at,
        "console": console_version(),
        "postgresql": server_major(),
        "secret_key": secret_key_mark(settings.SECRET_KEY),
        "files": {path.name: digest_of(path) for path in sorted(folder.iterdir())},
        **facts,
    }
    manifest = signed(KIND, said) if settings.AUDIT_KEY else said
    text = json.dumps(manifest, sort_keys=True, indent=1) + "\n"
    (folder / MANIFEST).write_text(text, "utf-8")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a backup whose files are unchanged.

    Raises InvalidInput if there is none or a file has changed, and Conflict if this version can't
    read it.
    """
    try:
        said = json.loads((folder / MANIFEST).read_text("utf-8"))
        known = said["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            "no_backup",
            "{folder} is no whole backup: its {file} can't be read ({error}).",
            folder=folder,
            file=MANIFEST,
            error=error,
        ) from error
    if not known:
        raise Conflict(
            "backup_format",
            "{folder} has another format: {format}.",
            folder=folder,
            format=said["format"],
        )
    _require_signed(folder, said)
    for name, digest in said["files"].items():
        path = folder / Path(name).name
        if not path.is_file() or digest_of(path) != digest:
            raise InvalidInput(
                "backup_damaged",
                "{path} is not what was backed up: its size or SHA-256 is another. Take another "
                "copy of this backup, or an older one.",
                path=path,
            )
    _require_known_migrations(said)
    return dict(said)


def _require_signed(folder: Path, said: Mapping[str, Any]) -> None:
    if "signature" not in said and not settings.AUDIT_KEY:
        return
    complaint = trusted_keys().complaint(KIND, said)
    if complaint:
        raise InvalidInput(
            "backup_not_trusted",
            "{file}: {complaint}. Where it is your own, set CONSOLE_AUDIT_KEY to the key of the "
            "site, or put the public key that signed into CONSOLE_AUDIT_OLD_KEYS.",
            file=folder / MANIFEST,
            complaint=complaint,
        )


def _require_known_migrations(said: Mapping[str, Any]) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    ahead = sorted(set(said["migrations"]) - known)
    if ahead:
        raise Conflict(
            "backup_newer",
            "This backup was made by Notice Console {version}, which has migrations that this "
            "version lacks ({migration}). Install that version or a newer one.",
            version=said["console"],
            migration=ahead[0],
        )


def digest_of(path: Path) -> dict[str, Any]:
    """Return a file's size and SHA-256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
