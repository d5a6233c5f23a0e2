"""Makes backups, fills an empty database from one, and prevents that anything is sent twice then.

A backup is a folder: the dump, the outside checkpoints, and a manifest.
"""

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Self, cast

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from console.accounts.services.sessions import sessions_forget_all
from console.actors import Actor, Permission
from console.audit import checkpoints, rollback
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.signing import forget_signer
from console.audit.state.kinds import told
from console.audit.tlog.growing import log_begin_anew
from console.audit.tlog.tree import current_log
from console.backups.manifest import CHECKPOINTS, DUMP, MANIFEST, facts_with, write_manifest
from console.backups.programs import APPLICATION, database_environment, failure, program
from console.backups.progress import Tell, nobody, telling
from console.errors import Conflict
from console.incidents.services.restored import stages_pause_after_restore
from console.notifications.services import notifications_drop_after_restore
from console.sends.control.restored import (
    on_the_wire_end_after_restore,
    sends_end_after_restore,
    stop_after_restore,
)
from console.sends.told import SENDING_STOP
from console.site.fsync import to_disk
from console.webhooks.services import webhooks_stop_after_restore

PREFIX = "console-"
PARTIAL = ".partial"
# Old sessions must not become valid again, and files of exports are gone after a day. These tables
# are dumped empty.
LEFT_OUT = (
    "django_session",
    "usersessions_usersession",
    "exports_exportjob",
    "exports_exportpart",
)
STOP_REASON = (
    "The database was restored from a backup. What was open in it may have gone out since: see "
    "docs/backup.md before sending starts again."
)
# Part of the transaction that creates the tables, so a worker that waits for them finds all sending
# stopped.
STOP = """
INSERT INTO public.sends_sendingstop (id, reason, actor_ref, actor_name, stopped_at)
VALUES (1, '{reason}', '{ref}', '{name}', now()) ON CONFLICT (id) DO NOTHING;
"""
INDEX_MADE = """
SELECT substring(query from 'INDEX \\S+') FROM pg_stat_activity
WHERE application_name = %s AND datname = current_database() AND query ~ '^CREATE (UNIQUE )?INDEX'
"""
TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


# --- Making a backup -----------------------------------------------------------------------------


def backup_make(
    actor: Actor, folder: Path, *, keep: int | None = None, tell: Tell = nobody
) -> Path:
    """Write a new backup into `folder`, delete all but the `keep` newest, and return its path.

    The ledger records it first. The console keeps running, and the backup shows one moment. `tell`
    hears every few seconds how far it is. Raises
    console.backups.programs.ProgramFailed, OSError, and Conflict if root would write into another
    user's folder, where that user could not delete the backup; also, after the backup was made, if
    such backups are there.
    """
    actor.require(Permission.ADMINISTER)
    _refuse_root_in_anothers(folder)
    pg_dump = program("pg_dump")
    now = timezone.now()
    made = folder / f"{PREFIX}{now:%Y%m%dT%H%M%SZ}"
    begun = made.with_name(made.name + PARTIAL)
    folder.mkdir(parents=True, exist_ok=True)
    begun.mkdir(mode=0o700)
    try:
        with transaction.atomic():
            target = ("database", made.name, f"backup {made.name}")
            audit.record(
                actor, Action.DATABASE_BACKED_UP, target=target, data={"folder": str(folder)}
            )
        with _snapshot() as (snapshot, facts):
            _dump(pg_dump, begun / DUMP, snapshot, tell)
        _copy_checkpoints(begun)
        write_manifest(begun, facts, made_at=now.isoformat())
        for path in (*begun.iterdir(), begun):
            to_disk(path)
        begun.rename(made)
    except BaseException:
        shutil.rmtree(begun)
        raise
    to_disk(folder)
    _drop_old(folder, keep)
    return made


@contextmanager
def _snapshot() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of a PostgreSQL snapshot, and the facts about the database in it."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # It is idle for as long as pg_dump takes.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_export_snapshot()")
            ((snapshot,),) = cursor.fetchall()
            yield snapshot, facts_with(cursor)
    finally:
        other.close()


def _dump(pg_dump: str, path: Path, snapshot: str, tell: Tell) -> None:
    command = [pg_dump, "--format=custom", "--no-owner", "--no-privileges"]
    command += [f"--exclude-table-data=public.{table}" for table in LEFT_OUT]
    command += [f"--snapshot={snapshot}", f"--file={path}"]
    with telling(tell, partial(_written, path)):
        done = subprocess.run(  # noqa: S603 - a program of PostgreSQL
            command, env=database_environment(), capture_output=True, check=False, umask=0o077
        )
    if done.returncode:
        raise failure("pg_dump", done.stderr)


def _written(path: Path) -> str:
    size = path.stat().st_size if path.exists() else 0
    return f"{size / 1e6:,.0f} MB written"


def _copy_checkpoints(begun: Path) -> None:
    outside = Path(settings.CHECKPOINTS_TO) / checkpoints.FILE
    is_folder = settings.CHECKPOINTS_TO and not settings.CHECKPOINTS_TO.startswith("https://")
    if is_folder and outside.exists():
        shutil.copyfile(outside, begun / CHECKPOINTS)


def _refuse_root_in_anothers(folder: Path) -> None:
    if os.geteuid() == 0 and folder.exists() and folder.stat().st_uid != 0:
        raise Conflict(
            "backup_by_root",
            "{folder} belongs to another user, who could not take away a backup that root made. "
            "Let that user make it: notice-console backup …",
            folder=folder,
        )


def _drop_old(folder: Path, keep: int | None) -> None:
    if not keep:
        return
    others = [path for path in sorted(folder.glob(f"{PREFIX}*Z")) if not _is_ours(path)]
    whole = sorted(path.parent for path in folder.glob(f"{PREFIX}*Z/{MANIFEST}"))
    for path in whole[:-keep]:
        if path not in others:
            shutil.rmtree(path)
    if others:
        raise Conflict(
            "backups_of_others",
            "A backup was made, but {count} in {folder} are another user's and can't be taken "
            "away, beginning with {first}. Give them to this user: chown -R {user} {other}",
            count=len(others),
            folder=folder,
            first=others[0].name,
            user=os.geteuid(),
            other=others[0],
        )


def _is_ours(path: Path) -> bool:
    """Return whether this process may read and delete the backup.

    This must be checked first, since a folder that can't be read looks like an incomplete backup.
    """
    return os.geteuid() == 0 or path.stat().st_uid == os.geteuid()


# --- Restoring a backup --------------------------------------------------------------------------


def database_fill(backup: Path, said: Mapping[str, Any], *, tell: Tell = nobody) -> None:
    """Fill an empty database from a backup and stop all sending, or do nothing.

    `said` is the backup's manifest. `tell` hears every few seconds how far it is. Raises Conflict
    if the database is not empty, or if its content differs from the manifest;
    console.backups.programs.ProgramFailed.
    """
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        ((tables,),) = cursor.fetchall()
    if tables:
        raise Conflict(
            "database_not_empty",
            "The database {name} is not empty: it has {tables} tables. Make a new one, and let "
            "DATABASE_URL point to that: what is in this one may be the only trace of what was "
            "sent since the backup.",
            name=connection.settings_dict["NAME"],
            tables=tables,
        )
    _restore(backup / DUMP, tell)
    forget_signer()  # what it knows of the ledger is of another database
    with connection.cursor() as cursor:
        found = facts_with(cursor)
    different = [name for name in found if found[name] != said[name]]
    if different:
        raise Conflict(
            "restored_other",
            "What was restored is not what was backed up: it differs in {different}. Drop this "
            "database, and take another copy of the backup.",
            different=different,
        )


def _restore(dump: Path, tell: Tell) -> None:
    """Pipe pg_restore into psql through this process, so that psql commits only a complete dump."""
    read = [program("pg_restore"), "--no-owner", "--no-privileges", "--no-comments", "--file=-"]
    write = [program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    write += ["--single-transaction", "--output=/dev/null", "--file=-"]
    environment = database_environment()
    with (
        tempfile.TemporaryFile() as read_errors,
        tempfile.TemporaryFile() as write_errors,
        subprocess.Popen(  # noqa: S603 - a program of PostgreSQL
            [*read, str(dump)], env=environment, stdout=subprocess.PIPE, stderr=read_errors
        ) as reading,
        subprocess.Popen(  # noqa: S603 - the same
            write, env=environment, stdin=subprocess.PIPE, stderr=write_errors
        ) as writing,
    ):
        if not _pump(reading, writing, tell):
            raise failure("pg_restore", _all_of(read_errors))
        if writing.wait():
            raise failure("psql", _all_of(write_errors))


def _pump(reading: subprocess.Popen[bytes], writing: subprocess.Popen[bytes], tell: Tell) -> bool:
    """Copy one program's output to the other, followed by the stop of all sending.

    Return whether the output was complete.
    """
    source, target = cast(IO[bytes], reading.stdout), cast(IO[bytes], writing.stdin)
    try:
        with _Restoring() as so_far, telling(tell, so_far.line):
            while part := source.read(1 << 20):
                target.write(part)
                so_far.size += len(part)
        if reading.wait():
            writing.kill()  # which rolls everything back
            return False
        target.write(_stop_sql().encode())
        target.close()
    except BrokenPipeError:  # psql gave up, and reports why
        reading.kill()
    return True


class _Restoring:
    """How much psql has been given, and which index it makes. It takes long over these, and reads
    nothing meanwhile."""

    def __init__(self) -> None:
        self.size = 0
        self._connection = connection.copy()
        self._connection.inc_thread_sharing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def line(self) -> str:
        with self._connection.cursor() as cursor:
            cursor.execute(INDEX_MADE, [APPLICATION])
            found = cursor.fetchone()
        index = f", now {found[0]}" if found else ""
        return f"{self.size / 1e6:,.0f} MB of SQL carried out{index}"


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _stop_sql() -> str:
    reason, ref, name = (
        text.replace("'", "''") for text in (STOP_REASON, "system:restore", "Restore")
    )
    return STOP.format(reason=reason, ref=ref, name=name)


@dataclass(frozen=True)
class Settled:
    """The result of settling a restored database.

    `unknown` has the number of unknown deliveries by send, `webhooks` the number that were switched
    off. `lost` is the newest checkpoint of what was lost, and `aside` the file with those
    checkpoints. `log` has the tree's names before and now, if it has another one, and `tree_aside`
    is the folder with the tree that was published before.
    """

    unknown: Counter[int]
    webhooks: int
    lost: Mapping[str, Any] | None
    aside: Path | None
    log: Mapping[str, str] | None
    tree_aside: Path | None


def database_settle(
    actor: Actor, *, backup: Mapping[str, Any] | None = None, nothing_sent_since: bool = False
) -> Settled:
    """Make a database of an older state safe to use, so that nothing is sent twice.

    It came from a backup, whose manifest is `backup`, or in another way. All sending is stopped,
    all sessions end, open deliveries become unknown, since they may have been sent since, standing
    stages of incidents pause, and webhooks are off. With `nothing_sent_since`, for which the caller
    vouches, pending deliveries, stages and webhooks stay as they are.

    Raises Conflict if a later signed checkpoint contradicts `nothing_sent_since`. Raises OSError if
    the checkpoints of what was lost can't be set aside; the database is settled all the same.
    """
    actor.require(Permission.ADMINISTER)
    lost_since = rollback.lost_checkpoint()
    if nothing_sent_since:
        _require_nothing_lost(lost_since)
    now = timezone.now()
    of = f"the backup of {backup['made_at']}" if backup else "an older state"
    with transaction.atomic():
        stop_after_restore(actor, reason=STOP_REASON)
        if nothing_sent_since:
            unknown, webhooks = on_the_wire_end_after_restore(actor), 0
        else:
            webhooks = webhooks_stop_after_restore(actor)
            unknown = sends_end_after_restore(actor, note=f"The database was restored from {of}.")
            stages_pause_after_restore(actor)
        sessions_forget_all()
        notifications_drop_after_restore()
        log = None if nothing_sent_since else _another_log()
        audit.record(
            actor,
            Action.DATABASE_RESTORED,
            target=("database", backup["made_at"] if backup else now.isoformat(), of),
            data=_said_of_it(backup, lost_since, unknown, nothing_sent_since)
            | ({"log": log} if log else {}),
        )
    aside = rollback.set_aside(now) if lost_since is not None else None
    tree_aside = None if nothing_sent_since else rollback.set_tree_aside(now)
    return Settled(unknown, webhooks, lost_since, aside, log, tree_aside)


def _another_log() -> dict[str, str] | None:
    """Give the tree another name, since heads that this database does not know may have been signed
    under the old one. Return both; None if it has none yet."""
    old, new = current_log(), log_begin_anew()
    return {"before": old.origin if old else "", "now": new.origin} if new else None


def _require_nothing_lost(lost_since: Mapping[str, Any] | None) -> None:
    if lost_since is not None:
        raise Conflict(
            "worked_since",
            "Entry {seq} of the ledger was signed at {at} and is not in this backup: the console "
            "went on working. Restore it without --nothing-sent-since.",
            seq=lost_since["seq"],
            at=lost_since["at"],
        )


def _said_of_it(
    backup: Mapping[str, Any] | None,
    lost_since: Mapping[str, Any] | None,
    unknown: Counter[int],
    nothing_sent_since: bool,
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "unknown": sum(unknown.values()),
        "nothing_sent_since": nothing_sent_since,
        **told((SENDING_STOP, 1)),
    }
    if backup is not None:
        said["ledger_of_backup"] = backup["ledger"]
    if lost_since is not None:
        said["lost_to_at_least"] = {name: lost_since[name] for name in ("seq", "hash", "at")}
    return said
