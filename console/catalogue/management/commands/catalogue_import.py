"""manage.py catalogue_import FILE [--dry-run] [--as USERNAME]"""

import time
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from console.accounts.models import User
from console.actors import Actor, system_actor
from console.catalogue.transfer.importing import catalogue_import, catalogue_restore
from console.catalogue.transfer.reports import Outcome, RowReport, counts
from console.errors import ConsoleError
from console.site import commands

SECONDS_A_LINE = 2.0


class Command(commands.Command):
    help = (
        "Import a catalogue: CSV, XLSX or JSON by the file's ending. Without --as an export is "
        "restored with all its versions, as they were written and reviewed elsewhere; with it "
        "what differs becomes drafts of that person, for others to approve. All of it or nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=commands.path, help="what catalogue_export has written")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, row by row; do nothing"
        )
        parser.add_argument(
            "--as", dest="person", metavar="USERNAME", help="whose drafts they become"
        )
        parser.add_argument(
            "--skip-refused",
            action="store_true",
            help="leave out the notices that are refused, and import the others",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        self.said_at = self.started = time.monotonic()
        try:
            content = path.read_bytes()
            plan = _service(options["person"])(
                file_name=path.name,
                content=content,
                dry_run=options["dry_run"],
                skip_refused=options["skip_refused"],
                progress=self._progress,
            )
        except ConsoleError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{path} can't be read: {error}") from error
        self._report(plan.rows, verbose=options["dry_run"])
        if plan.is_refused and not options["dry_run"] and not options["skip_refused"]:
            raise CommandError(
                "Nothing was imported: mend the rows that are refused, or leave them out with "
                "--skip-refused."
            )
        self._summary(plan.rows, options["dry_run"])

    def _progress(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.said_at >= SECONDS_A_LINE:
            self.said_at = now
            rate = done / (now - self.started)
            self.stderr.write(f"{phase}: {done:,} of {total:,}, {rate:,.0f} a second")

    def _report(self, rows: list[RowReport], *, verbose: bool) -> None:
        for row in rows:
            if not verbose and not row.refusals:
                continue
            self.stdout.write(f"row {row.number}: {row.name}: {row.outcome.name.lower()}")
            for refusal in row.refusals:
                self.stdout.write(f"    {refusal.column or 'the whole row'}: {refusal.message}")
            if row.outcome == Outcome.CHANGED:
                for each in row.changes:
                    self.stdout.write(f"    {each.column}: {each.before!r} → {each.after!r}")

    def _summary(self, rows: list[RowReport], dry_run: bool) -> None:
        seconds = time.monotonic() - self.started
        words = ", ".join(f"{number:,} {name}" for name, number in counts(rows).items())
        self.stdout.write(
            f"{'It would be' if dry_run else 'Imported'}: {words}; {len(rows):,} rows in "
            f"{seconds:.1f} s, {len(rows) / max(seconds, 0.001):,.0f} a second"
        )


def _service(username: str | None) -> Any:
    if username is None:
        return partial(catalogue_restore, system_actor("command line"))
    return partial(catalogue_import, _person(username))


def _person(username: str) -> Actor:
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"Nobody here has the user name {username}.")
    return user.to_actor()
