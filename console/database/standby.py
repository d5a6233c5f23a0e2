"""The standby, which searches of the history and of the trail, and exports, may read instead of the
primary (CONSOLE_REPLICA_URL).

A standby has what the primary had a moment ago. Nothing is decided by it: permissions, limits,
sends and claims are read from the primary. Each read from it first compares the two servers, in the
session that then reads. So what is said of the read is true whatever became of the standby.

The standby has everything if it has replayed the primary's log up to where that was when the read
began. Otherwise the time of the last transaction that it has replayed says how far it is behind. It
is the primary's own clock. On an idle primary that time is old and nothing is missing, so it is
looked at only if the log was not replayed in the time that this usually takes.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from psycopg.errors import QueryCanceled

from console.database.reading import STANDBY, alias_here, connection_here, reading_from_standby
from console.text.sentences import Sentence, wording

R = TypeVar("R")

# How long a search waits for the standby to replay what the primary has, and how often it looks.
PATIENCE_SECONDS, LOOK_SECONDS = 0.2, 0.02
# A standby that did not answer is asked again after this time.
RETRY_SECONDS = 5.0
# How long an observation stands for pages and monitors that only show it, and how long they wait
# for a new one.
OBSERVED_SECONDS, OBSERVING_SECONDS = 5.0, 0.5

PRIMARY = """
SELECT clock_timestamp(),
    CASE WHEN pg_is_in_recovery() THEN NULL
        WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn()
        ELSE pg_current_wal_flush_lsn() END::text,
    (SELECT system_identifier FROM pg_control_system()),
    (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
    CASE WHEN pg_is_in_recovery() THEN NULL
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::bigint END
"""
COMPARED = """
SELECT pg_is_in_recovery(),
    (SELECT system_identifier FROM pg_control_system()),
    (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
    greatest((SELECT timeline_id FROM pg_control_checkpoint()),
        (SELECT min_recovery_end_timeline FROM pg_control_recovery())),
    pg_last_wal_replay_lsn() >= %s::pg_lsn,
    pg_last_xact_replay_timestamp()
"""

NOT_BEHIND = wording(
    "read_from_current_standby",
    "Read from a standby, 0 seconds behind. It had everything when this page was loaded.",
)
BEHIND = wording(
    "read_from_standby",
    "Read from a standby, {seconds} seconds behind. What happened since then may be missing here, "
    "also what you have just done.",
)
LATE = wording(
    "read_from_primary_standby_late",
    "Read from the primary, since the standby is {seconds} seconds behind. It may be at most "
    "{most}.",
)
SILENT_ABOUT_LAG = wording(
    "read_from_primary_standby_unknown",
    "Read from the primary, since the standby can't say how far it is behind.",
)
AWAY = wording(
    "read_from_primary_standby_away",
    "Read from the primary, since the standby could not be read.",
)
WRONG = wording(
    "read_from_primary_standby_wrong",
    "Read from the primary, since what is set as its standby is none.",
)

ANOTHER = wording(
    "standby_of_another",
    "CONSOLE_REPLICA_URL leads to another database than DATABASE_URL. Name a standby that streams "
    "from that server, and the same database in it.",
)
NO_STANDBY = wording(
    "not_a_standby",
    "CONSOLE_REPLICA_URL leads to a server that is no standby: it was promoted, or it is the "
    "primary itself.",
)
OTHER_TIMELINE = wording(
    "standby_of_a_promoted",
    "CONSOLE_REPLICA_URL leads to a standby of a server that was promoted and is not the one of "
    "DATABASE_URL any more.",
)
logger = structlog.get_logger("console.database")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list was read from, and what its page says of that. `seconds` is how far the standby
    is behind, if that is known. `wrong` is why it is none."""

    is_standby: bool = False
    said: Sentence | None = None
    seconds: float | None = None
    wrong: Sentence | None = None


FROM_PRIMARY = Source()


class NotReadable(Exception):
    """The standby may not be read now. `source` says why."""

    def __init__(self, source: Source) -> None:
        self.source = source


class WrongStandby(Exception):
    """What is set as the standby is another database."""


@dataclass(frozen=True, slots=True)
class Position:
    """The primary at a moment: what was committed until `at` is in its log before `lsn`."""

    at: datetime
    lsn: str | None
    system: int
    database: int
    timeline: int | None


class _Process:
    """What this process knows of the standby. Another try begins at `retry_at`."""

    retry_at = 0.0


_process = _Process()


def is_set() -> bool:
    return bool(settings.REPLICA_URL)


# --- Reading -------------------------------------------------------------------------------------


def first_at_standby(read: Callable[[], tuple[R, Source]]) -> tuple[R, Source]:
    """Call `read`, which calls `checked` before it reads, for the standby. If that may not be read,
    or fails, call it for the primary. Return what it returned, and where that is from."""
    if not is_set():
        return read()
    try:
        _require_not_away()
        with reading_from_standby():
            return read()
    except NotReadable as refused:
        source = refused.source
    except DatabaseError as error:
        source = _failed(error)
    return read()[0], source


def checked(*, has_everything: bool = False) -> Source:
    """Return what is to be said of a read that begins now. It may be `has_everything`: then a
    standby that lacks anything is not read. Raises NotReadable, and Django's database errors."""
    if alias_here() == DEFAULT_DB_ALIAS:
        return FROM_PRIMARY
    source = compared(position(), PATIENCE_SECONDS)
    _process.retry_at = 0.0
    if not source.is_standby or (has_everything and source.seconds):
        raise NotReadable(source)
    return source


class WholeReader:
    """Reads a list in pieces: at the standby, if it soon has all that the primary has now; at the
    primary otherwise, and as soon as the standby fails."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self._position = position() if is_set() else None
        self._is_at_standby = self._position is not None

    def read(self, read: Callable[[], R], *, keeps_open: bool = False) -> R:
        """Return what `read` returns. A statement that was ended for its time raises, wherever it
        was carried out."""
        if self._is_at_standby and self._position is not None:
            try:
                _require_not_away()
                with reading_from_standby(keeps_open=keeps_open):
                    self._require(self._position)
                    return read()
            except NotReadable as refused:
                logger.info("export reads the primary", reason=str(refused.source.said))
            except DatabaseError as error:
                if isinstance(error.__cause__, QueryCanceled):
                    raise
                _failed(error)
            self._is_at_standby = False
        return read()

    def close(self) -> None:
        if self._is_at_standby:
            connections[STANDBY].close()

    def _require(self, everything: Position) -> None:
        source = compared(everything, self._patience)
        _process.retry_at = 0.0
        if not source.is_standby or source.seconds:
            raise NotReadable(source)


def _require_not_away() -> None:
    """Raise NotReadable while nobody is to ask. The first who asks after that is alone in it until
    the standby has answered: it may be long silent."""
    now = time.monotonic()
    if now < _process.retry_at:
        raise NotReadable(Source(said=AWAY()))
    if _process.retry_at:
        _process.retry_at = now + RETRY_SECONDS


def _failed(error: DatabaseError) -> Source:
    if not _process.retry_at:
        logger.warning("standby fails", error=str(error))
    _process.retry_at = time.monotonic() + RETRY_SECONDS
    return Source(said=AWAY())


# --- Comparing -----------------------------------------------------------------------------------


def position() -> Position:
    """Return where the primary is. Nothing that was visible there before is behind it."""
    with connection.cursor() as cursor:
        cursor.execute(PRIMARY)
        found = Position(*cursor.fetchone())
    if not connection.in_atomic_block:
        connection.close()  # a search at the standby keeps nobody from the primary
    return found


def compared(primary: Position, patience_seconds: float) -> Source:
    """Return how the standby that is read now compares with the primary."""
    ends = time.monotonic() + patience_seconds
    while True:
        replayed, last, wrong = _ask(primary)
        if wrong is not None:
            return Source(said=WRONG(), wrong=wrong)
        if replayed:
            return Source(is_standby=True, said=NOT_BEHIND(), seconds=0.0)
        if time.monotonic() >= ends:
            return _behind(primary, last)
        time.sleep(LOOK_SECONDS)


def _ask(primary: Position) -> tuple[bool, datetime | None, Sentence | None]:
    """Return whether the standby has replayed all, when its last transaction was, and why it is no
    standby."""
    with connection_here().cursor() as cursor:
        cursor.execute(COMPARED, [primary.lsn])
        is_standby, system, database, timeline, replayed, last = cursor.fetchone()
    if (system, database) != (primary.system, primary.database):
        return False, None, ANOTHER()
    if not is_standby:
        return False, None, NO_STANDBY()
    if primary.timeline is None or timeline > primary.timeline:
        return False, None, OTHER_TIMELINE()
    return bool(replayed), last, None


def _behind(primary: Position, last: datetime | None) -> Source:
    if last is None:
        return Source(said=SILENT_ABOUT_LAG())
    seconds = max(1, math.ceil((primary.at - last).total_seconds()))
    most = settings.REPLICA_LAG_SECONDS
    if seconds > most:
        return Source(said=LATE(seconds=seconds, most=most), seconds=seconds)
    return Source(is_standby=True, said=BEHIND(seconds=seconds), seconds=seconds)


# --- For pages and monitors that show it ---------------------------------------------------------


class _Observing:
    """The last comparison, made by a thread of its own: a standby that does not answer must not
    keep `/readyz` and metrics waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._found = Source(said=AWAY())
        self._at: float | None = None

    def source(self) -> Source:
        with self._lock:
            if self._at is not None and time.monotonic() - self._at < OBSERVED_SECONDS:
                return self._found
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._compare, args=(position(),), daemon=True
                )
                self._thread.start()
            thread = self._thread
        thread.join(OBSERVING_SECONDS)
        is_old = self._at is None or time.monotonic() - self._at > 2 * OBSERVED_SECONDS
        return Source(said=AWAY()) if is_old else self._found

    def _compare(self, primary: Position) -> None:
        try:
            with reading_from_standby():
                found = compared(primary, PATIENCE_SECONDS)
        except DatabaseError:
            found = Source(said=AWAY())
        self._found, self._at = found, time.monotonic()


_observing = _Observing()


def observed() -> Source | None:
    """Return how the standby compared with the primary some seconds ago at most; None if none is
    set. Raises Django's database errors if the primary is away."""
    return _observing.source() if is_set() else None


def require_this_database() -> None:
    """Raise WrongStandby at the start of a process if CONSOLE_REPLICA_URL leads to another
    database. One that is away, late or promoted stops no process: the primary is read."""
    if is_set() and (wrong := compared_now().wrong) is not None:
        if wrong.code == ANOTHER.code:
            raise WrongStandby(wrong)
        logger.warning("no standby", reason=str(wrong))


def compared_now() -> Source:
    """Return how the standby compares with the primary, for the start of a process."""
    primary = position()
    try:
        with reading_from_standby():
            return compared(primary, PATIENCE_SECONDS)
    except DatabaseError as error:
        logger.warning("standby fails", error=str(error))
        return Source(said=AWAY())
