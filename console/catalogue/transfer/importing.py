"""Writes an import: the whole file with its ledger entries in one transaction, or nothing.

A file does not bypass the review: what a person imports becomes a draft of theirs. Only the
operator restores an export with its reviews, and the ledger records that.
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

# Nobody else writes to the catalogue while an import compares and writes: no notice, no new version
# (which refers to its notice), and no change of a version's status. Reading continues, and so does
# sending, which only refers to versions and locks no row of a notice. The locks wait for writers
# who have begun; these wait for nothing of ours.
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
    """Import a file as the actor's work: everything new or different becomes a draft of theirs.

    Returns the outcome of each row, or the expected one with `dry_run`. If a row is refused,
    nothing is written, unless `skip_refused`: then its whole notice is left out. Raises
    InvalidInput for a file that can't be read or is no catalogue.
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
    """Do the same as `catalogue_import` with records from the `body` of a request."""
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
    """Import an export with its versions' numbers, statuses, authors and reviewers.

    Only the operator at the command line can do this, and vouches for the file: no page and no
    token can import texts as reviewed. Otherwise the same as `catalogue_import`.
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
