"""manage.py audit_verify [--checkpoints FILE] [--state [--progress FILE]]"""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from console.audit.state.running import Progress
from console.audit.verification import verify_database
from console.audit.verify import Unreadable, sentences, visible
from console.site import commands


class Command(commands.Command):
    help = (
        "Follow the ledger in the database from its first entry to its newest, beside all "
        "checkpoints. With --state, then compare what the database says with what the ledger says. "
        "The exit status is 1 where something does not hold."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--checkpoints",
            type=commands.path,
            help="one more file of checkpoints, one a line, as it was kept elsewhere",
        )
        parser.add_argument(
            "--state",
            action="store_true",
            help="compare texts, people, limits, sends and outcomes with the ledger as well",
        )
        parser.add_argument(
            "--progress",
            type=commands.path,
            help="with --state: a file from which an interrupted comparison goes on",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["progress"] and not options["state"]:
            raise CommandError("--progress is of --state: give both.")
        try:
            report = verify_database(options["checkpoints"])
        except Unreadable as error:
            raise CommandError(str(error), returncode=2) from error
        *told, verdict = sentences(report)
        for sentence in told:
            self.stdout.write(visible(sentence))
        if not report.holds:
            raise CommandError(verdict)
        self.stdout.write(verdict)
        if options["state"]:
            self._compare(options["progress"])

    def _compare(self, path: Path | None) -> None:
        progress = _begun(path)
        try:
            while not progress.go_on():
                _note(path, progress)
                self.stderr.write(
                    f"{progress.turn + 1} of {progress.turns} ({progress.label}), "
                    f"{progress.compared:,} compared"
                )
        except KeyboardInterrupt:
            again = f" The same command goes on from {path}." if path else ""
            raise CommandError(f"Stopped.{again}", returncode=130) from None
        if path is not None:
            path.unlink(missing_ok=True)
        *told, verdict = progress.sentences
        for sentence in told:
            self.stdout.write(visible(sentence))
        if not progress.holds:
            raise CommandError(verdict)
        self.stdout.write(verdict)


def _begun(path: Path | None) -> Progress:
    if path is None or not path.exists():
        return Progress()
    try:
        return Progress.read(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CommandError(f"{path} is no progress of a comparison: delete it.") from error


def _note(path: Path | None, progress: Progress) -> None:
    """Write the progress whole, or leave what is there."""
    if path is None:
        return
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(progress.plain()), "utf-8")
    os.replace(new, path)
