"""Writes an import: the whole file with its audit entries in one transaction, or nothing.

A file does not bypass the review: what a person imports becomes a draft of theirs. Only the
operator restores an export with its reviews, and the trail says so.
"""

import hashlib

from django.db import IntegrityError, connection, transaction
from tablib import Dataset

from console.actors import Actor, Permission
from console.catalogue.transfer.files.formats import read_file
from console.catalogue.transfer.import_writing import write_plan
from console.catalogue.transfer.planning import Progress, no_progress, plan_import
from console.catalogue.transfer.plans import Plan
from console.errors import Conflict, PermissionRefused

# Nobody else writes the catalogue while an import compares and writes: no notice, no new version
# (which refers to its notice), and no step of one. Reading goes on, and so does sending, which only
# refers to versions and locks no row of a notice. Whoever has begun to write is waited for, and
# waits for nothing of ours.
LOCKS = (
    "LOCK TABLE catalogue_cannednotice IN EXCLUSIVE MODE",
    "SELECT count(*) FROM (SELECT 1 FROM catalogue_noticeversion "
    "WHERE status IN ('draft', 'in_review', 'scheduled', 'published') "
    "ORDER BY id FOR NO KEY UPDATE) locked",
)
RECORDS = "records.json"


def catalogue_import(
    actor: Actor,
    *,
    file_name: str,
    content: bytes,
    dry_run: bool = False,
    skip_refused: bool = False,
    progress: Progress = no_progress,
) -> Plan:
    """Import a file as the actor's work: what is new or differs becomes a draft of theirs.

    Answers what became of each row, or with `dry_run` what would. Where a row is refused nothing is
    written, unless `skip_refused`: then its whole notice is left out. Raises InvalidInput for a
    file that can't be read or is no catalogue's.
    """
    actor.require(Permission.EDIT_CATALOGUE)
    dataset = read_file(file_name, content)
    source = _source(file_name, content)
    return _import(actor, dataset, source, False, dry_run, skip_refused, progress)


def catalogue_import_records(
    actor: Actor,
    *,
    records: Dataset,
    body: bytes,
    dry_run: bool = False,
    skip_refused: bool = False,
) -> Plan:
    """As `catalogue_import`, of records that came in the `body` of a request."""
    actor.require(Permission.EDIT_CATALOGUE)
    source = _source(RECORDS, body)
    return _import(actor, records, source, False, dry_run, skip_refused, no_progress)


def catalogue_restore(
    actor: Actor,
    *,
    file_name: str,
    content: bytes,
    dry_run: bool = False,
    skip_refused: bool = False,
    progress: Progress = no_progress,
) -> Plan:
    """Import an export with the numbers, statuses and people of its versions.

    For the operator at the command line alone, who vouches for the file: by no page and no token
    does anybody bring words as reviewed. Else as `catalogue_import`.
    """
    if not actor.ref.startswith("system:"):
        raise PermissionRefused(
            "operator_only",
            "Only an operator restores a catalogue with its reviews: manage.py catalogue_import.",
        )
    dataset = read_file(file_name, content, is_limited=False)
    source = _source(file_name, content)
    return _import(actor, dataset, source, True, dry_run, skip_refused, progress)


def _source(file_name: str, content: bytes) -> dict[str, str]:
    return {"file": file_name, "sha256": hashlib.sha256(content).hexdigest()}


def _import(
    actor: Actor,
    dataset: Dataset,
    source: dict[str, str],
    restore: bool,
    dry_run: bool,
    skip_refused: bool,
    progress: Progress,
) -> Plan:
    try:
        with transaction.atomic():
            if not dry_run:
                _lock()
            plan = plan_import(
                actor, dataset, file_name=source["file"], restore=restore, progress=progress
            )
            if not dry_run and (skip_refused or not plan.is_refused):
                write_plan(actor, plan, source=source, restore=restore, progress=progress)
    except IntegrityError as error:
        if "shortcut_unique_in_use" in str(error):
            raise Conflict(
                "shortcut_taken",
                "Nothing was imported: two notices would have the same shortcut. Look which notice "
                "has those of the file already, and change one.",
            ) from error
        raise Conflict(
            "history_does_not_fit",
            "Nothing was imported: the versions of a notice in this file and those that are here "
            "do not make one history. Look at the dry run, and export anew.",
        ) from error
    return plan


def _lock() -> None:
    with connection.cursor() as cursor:
        for lock in LOCKS:
            cursor.execute(lock)
