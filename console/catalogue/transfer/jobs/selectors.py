"""Reads of imports in progress. Only the person who started one sees it."""

import csv
import io
import json
import zlib
from typing import Any

from console.actors import Actor, Permission
from console.catalogue.models import ImportJob
from console.catalogue.transfer.files.formats import BYTE_ORDER_MARK
from console.errors import NotFound
from console.text.sentences import from_parts
from console.text.spreadsheets import without_formula

REFUSED_COLUMNS = ("row", "name", "column", "why")


def import_job_get(actor: Actor, job_id: int) -> ImportJob:
    """Return an import without its file. Raises NotFound for another person's or a deleted one."""
    actor.require(Permission.EDIT_CATALOGUE)
    job = ImportJob.objects.defer("content").filter(pk=job_id, actor_ref=actor.ref).first()
    if job is None:
        raise NotFound(
            "import_not_found",
            "There is no such import of yours; after a week they are gone. Upload the file again.",
        )
    return job


def import_jobs(actor: Actor) -> list[ImportJob]:
    """Return the person's newest imports."""
    actor.require(Permission.EDIT_CATALOGUE)
    own = ImportJob.objects.defer("content", "report").filter(actor_ref=actor.ref)
    return list(own.order_by("-pk")[:5])


def report_rows(job: ImportJob, outcome: str = "") -> list[dict[str, Any]]:
    """Return the actual or expected outcome of each row; only those with `outcome`, if given."""
    if not job.report:
        return []
    rows: list[dict[str, Any]] = json.loads(zlib.decompress(bytes(job.report)))
    return [_worded(row) for row in rows if not outcome or row["outcome"] == outcome]


def _worded(row: dict[str, Any]) -> dict[str, Any]:
    """With Sentences for messages, except those that were kept as words."""
    refusals = [
        {**each, "message": from_parts(each["said"]) if "said" in each else each["message"]}
        for each in row["refusals"]
    ]
    return row | {"refusals": refusals}


def refused_csv(job: ImportJob) -> bytes:
    """Return the refusals as CSV, for correcting the file."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(REFUSED_COLUMNS)
    for row in report_rows(job, "refused"):
        for each in row["refusals"]:
            cells = (str(row["row"]), row["name"], each["column"], each["message"])
            writer.writerow(map(without_formula, cells))
    return (BYTE_ORDER_MARK + text.getvalue()).encode()
