"""What a worker knows and can't record before it ends stands in a file for the next one."""

import asyncio
import fcntl
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from console.interactions.models import ChatServer
from console.interactions.services import chat_server_update
from console.sends.engine import dispatcher
from console.sends.engine.dispatcher import Dispatch
from console.sends.engine.kept_outcomes import outcomes_keep, outcomes_take_up
from console.sends.engine.late_answers import LateEnding
from console.sends.engine.outcomes import ClaimedDelivery, Ending
from console.sends.engine.record import deliveries_recover
from console.sends.models import (
    Delivery,
    DeliveryStatus,
    LateAnswer,
    Resolution,
    Send,
    Worker,
)
from console.sends.observe.troubles import troubles
from console.site.kept_lines import KeptLines
from tests.sends.test_workers import WorkerProcess, process_environment
from tests.support.black_hole import Way, way_to_postgresql
from tests.support.demos import until
from tests.support.factories import ROOT
from tests.support.simulators import Simulator
from tests.support.working import assert_ledger_agrees, lease_take, leased_step, statuses

pytestmark = pytest.mark.django_db(transaction=True)
END_SECONDS = 90.0
CHATS, WINDOW = 12, 4


@pytest.fixture
def files(tmp_path: Path) -> KeptLines:
    return KeptLines(tmp_path / "outcomes", "worker")


@pytest.fixture
def claimed(chat_server: ChatServer, chats: Any, send_to: Any) -> list[ClaimedDelivery]:
    """Three deliveries that are on the wire of a worker that is no more."""
    send_to(chats(3))
    return leased_step(chat_server, claim=uuid4(), room=3).claimed


def taken(each: ClaimedDelivery) -> LateEnding:
    answer = json.dumps([{"key": "ResultCode", "type": "int", "value": 0}])
    return LateEnding(Ending(each, DeliveryStatus.DELIVERED, reference_id=7, answer=answer))


def lines(files: KeptLines) -> list[Path]:
    return sorted(files.folder.glob("*.jsonl"))


def recover() -> None:
    """Another worker takes over."""
    lease = lease_take("chat-east", uuid4())
    assert not isinstance(lease, float)
    assert lease is not None
    deliveries_recover(lease)


# --- The file ------------------------------------------------------------------------------------


def test_the_file_is_private_and_has_no_text(
    files: KeptLines, claimed: list[ClaimedDelivery]
) -> None:
    outcomes_keep(files, [taken(each) for each in claimed])
    (path,) = lines(files)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    kept = path.read_text()
    assert len(kept.splitlines()) == 3
    for each in claimed:
        assert each.body
        assert each.body not in kept
        assert str(each.user_data.get("FirstName")) not in kept


def test_a_file_of_a_living_process_is_left_alone(
    files: KeptLines, claimed: list[ClaimedDelivery]
) -> None:
    outcomes_keep(files, [taken(claimed[0])])
    other = KeptLines(files.folder, "other")
    outcomes_take_up(other)
    assert len(lines(files)) == 1
    assert statuses() == {"sending": 3}
    files.let_go()
    outcomes_take_up(other)
    assert lines(files) == []
    assert statuses() == {"sending": 2, "delivered": 1}


def test_a_file_that_is_just_being_made_is_left_alone(
    files: KeptLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker looks at the worst moment: before the new file is locked."""
    flock = fcntl.flock

    def meanwhile(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        for left in KeptLines(files.folder, "other").left():
            left.remove()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    path = files.keep([b"one"])
    assert path.read_bytes() == b"one\n"


@pytest.fixture
def full() -> Iterator[Callable[[int], None]]:
    """Let no file grow beyond so many bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_half_a_line_spoils_no_other(files: KeptLines, full: Callable[[int], None]) -> None:
    first = files.keep([b"one"])
    full(first.stat().st_size + 6)
    with pytest.raises(OSError, match="File too large"):
        files.keep([b"two", b"three"])
    full(1000)
    files.keep([b"four"])
    files.let_go()
    kept = [line for left in files.left() for line in left.lines()]
    assert kept == [b"one", b"two", b"th", b"four"]


@pytest.fixture
def other_user() -> Iterator[None]:
    """Root may read everything, so act as somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.fixture
def public() -> Iterator[KeptLines]:
    """In a folder that each user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        files = KeptLines(Path(folder), "worker")
        files.keep([b"one"]).chmod(0)
        yield files


@pytest.mark.usefixtures("public", "other_user")
def test_a_file_of_another_user_is_told(public: KeptLines) -> None:
    other = KeptLines(public.folder, "other")
    assert list(other.left()) == []
    assert other.unreadable() == 1


# --- What the next worker makes of it ------------------------------------------------------------


def test_what_is_still_open_is_recorded_as_it_is(
    files: KeptLines, claimed: list[ClaimedDelivery]
) -> None:
    one, two, three = claimed
    unsent = Ending(three, DeliveryStatus.FAILED, "not_sent", "The connection broke.")
    refused = Ending(two, DeliveryStatus.FAILED, "refused", "", 8, "42", "No such chat")
    outcomes_keep(files, [taken(one), LateEnding(refused), LateEnding(unsent, may_wait=True)])
    files.let_go()
    outcomes_take_up(files)
    assert statuses() == {"delivered": 1, "failed": 1, "pending": 1}
    row = Delivery.objects.get(pk=one.id)
    assert (row.reference_id, row.answer) == (7, [{"key": "ResultCode", "type": "int", "value": 0}])
    row = Delivery.objects.get(pk=two.id)
    assert (row.reason, row.fault_code, row.fault_text) == ("refused", "42", "No such chat")
    assert Delivery.objects.get(pk=three.id).detail == "The connection broke."
    assert_ledger_agrees()


def test_what_another_has_called_unknown_gets_a_late_answer(
    files: KeptLines, claimed: list[ClaimedDelivery]
) -> None:
    outcomes_keep(files, [taken(each) for each in claimed])
    recover()
    assert statuses() == {"unknown": 3}
    files.let_go()
    outcomes_take_up(files)
    assert statuses() == {"unknown": 3}
    assert LateAnswer.objects.filter(status="delivered").count() == 3
    assert Resolution.objects.filter(verdict="delivered", source="late_answer").count() == 3
    assert_ledger_agrees()


def test_nothing_is_said_of_a_later_attempt(
    files: KeptLines, claimed: list[ClaimedDelivery], chat_server: ChatServer
) -> None:
    unsent = [
        LateEnding(Ending(each, DeliveryStatus.FAILED, "not_sent"), may_wait=True)
        for each in claimed
    ]
    outcomes_keep(files, unsent)
    files.let_go()
    (path,) = lines(files)
    kept = path.read_bytes()
    outcomes_take_up(files)
    assert statuses() == {"pending": 3}
    again = leased_step(chat_server, claim=uuid4(), room=3).claimed
    assert len(again) == 3
    recover()
    path.write_bytes(kept)
    outcomes_take_up(files)
    assert statuses() == {"unknown": 3}
    assert not LateAnswer.objects.exists()


def test_lines_of_another_database_are_kept(
    files: KeptLines, claimed: list[ClaimedDelivery]
) -> None:
    """Two consoles on a machine may share the folder. Their deliveries have the same numbers."""
    others = [structs.replace(each, claim=uuid4()) for each in claimed]
    outcomes_keep(files, [taken(each) for each in others])
    files.let_go()
    (path,) = lines(files)
    kept = path.read_bytes()
    outcomes_take_up(files)
    assert statuses() == {"sending": 3}
    assert path.with_suffix(".unreadable").read_bytes() == kept


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ('"status":"delivered"', '"status":"pending"'),
        ('"delivery":', '"delivery":99999999999999999999'),
    ],
)
def test_a_line_that_tells_of_no_end_is_kept(
    files: KeptLines, claimed: list[ClaimedDelivery], what: str, instead: str
) -> None:
    outcomes_keep(files, [taken(claimed[0])])
    files.let_go()
    (path,) = lines(files)
    path.write_text(path.read_text().replace(what, instead))
    outcomes_keep(files, [taken(claimed[1])])
    files.let_go()
    outcomes_take_up(files)
    assert lines(files) == []
    assert files.unreadable() == 1
    assert statuses() == {"sending": 2, "delivered": 1}


def test_what_got_no_answer_is_unknown_and_nothing_more(
    files: KeptLines, claimed: list[ClaimedDelivery]
) -> None:
    silent = [LateEnding(Ending(each, DeliveryStatus.UNKNOWN, "no_answer")) for each in claimed]
    outcomes_keep(files, silent[:1])
    files.let_go()
    outcomes_take_up(files)
    assert statuses() == {"sending": 2, "unknown": 1}
    recover()
    outcomes_keep(files, silent)
    files.let_go()
    outcomes_take_up(files)
    assert statuses() == {"unknown": 3}
    assert not LateAnswer.objects.exists()
    assert not Resolution.objects.exists()
    assert Delivery.objects.get(pk=claimed[0].id).reason == "no_answer"
    assert_ledger_agrees()


CRASH = """
import os
import django
django.setup()
from pathlib import Path
from console.site import kept_lines
def crash(self):
    os._exit(23)
kept_lines.LeftLines.remove = crash
from console.sends.engine.kept_outcomes import outcomes_take_up
outcomes_take_up(kept_lines.KeptLines(Path({folder!r}), "crashed"))
"""


@pytest.mark.processes
@pytest.mark.parametrize("is_recovered", [False, True])
def test_a_crash_between_commit_and_removal_doubles_nothing(
    files: KeptLines, claimed: list[ClaimedDelivery], tmp_path: Path, is_recovered: bool
) -> None:
    outcomes_keep(files, [taken(each) for each in claimed])
    if is_recovered:
        recover()
    files.let_go()
    crashed = subprocess.run(
        [sys.executable, "-c", CRASH.format(folder=str(files.folder))],
        env={
            **process_environment(tmp_path / "data"),
            "DJANGO_SETTINGS_MODULE": "console.settings",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
    )
    assert crashed.returncode == 23, crashed.stderr
    assert len(lines(files)) == 1
    outcomes_take_up(files)
    assert lines(files) == []
    assert statuses() == ({"unknown": 3} if is_recovered else {"delivered": 3})
    assert LateAnswer.objects.count() == (3 if is_recovered else 0)
    for row in Delivery.objects.all():
        assert row.evidence.count() == (1 if is_recovered else 0)
    assert_ledger_agrees()


def test_lines_that_can_not_be_read_are_kept_and_told(
    files: KeptLines, claimed: list[ClaimedDelivery], settings: Any
) -> None:
    settings.OUTCOMES_TO = files.folder
    outcomes_keep(files, [taken(claimed[0])])
    (path,) = lines(files)
    good = path.read_bytes()
    nobodys = good.replace(f'"delivery":{claimed[0].id}'.encode(), b'"delivery":999999999')
    assert nobodys != good
    bad = [b'{"half a li', b"\xff\xfe", nobodys.strip()]
    with path.open("ab") as file:
        file.write(b"\n".join(bad) + b"\n")
    files.let_go()
    outcomes_take_up(files)
    assert statuses() == {"sending": 2, "delivered": 1}
    assert lines(files) == []
    assert path.with_suffix(".unreadable").read_bytes().splitlines() == bad
    assert files.unreadable() == 3

    async def beat() -> None:
        from console.sends.engine.heartbeat import present

        async with present(Dispatch(), every_seconds=0.01):
            while not await asyncio.to_thread(seen):
                await asyncio.sleep(0.01)

    def seen() -> bool:
        from django.db import connection

        try:
            return "outcomes_unreadable" in {said.code for said in troubles()}
        finally:
            connection.close()

    asyncio.run(asyncio.wait_for(beat(), END_SECONDS))


# --- Beyond memory -------------------------------------------------------------------------------


def test_late_answers_beyond_memory_go_to_the_file(
    files: KeptLines,
    claimed: list[ClaimedDelivery],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ledger refuses them for a while, as a full disk would."""
    from django.db import OperationalError

    settings.OUTCOMES_TO = files.folder
    monkeypatch.setattr(dispatcher, "LATE_MOST", 2)
    monkeypatch.setattr(dispatcher, "RENEW_SECONDS", 0.05)
    original = dispatcher.late_answers_record  # type: ignore[attr-defined]

    def away(_late: object) -> None:
        raise OperationalError("No space left on device")

    monkeypatch.setattr(dispatcher, "late_answers_record", away)
    recover()

    async def run() -> None:
        async with Dispatch() as dispatch, asyncio.timeout(END_SECONDS):
            dispatch.late += [taken(each) for each in claimed]
            while not lines(files):
                await asyncio.sleep(0.01)
            assert dispatch.late == []
            monkeypatch.setattr(dispatcher, "late_answers_record", original)
            while lines(files):
                await asyncio.sleep(0.01)

    asyncio.run(run())
    assert LateAnswer.objects.count() == 3


def test_a_worker_that_lives_on_holds_what_no_file_takes(
    claimed: list[ClaimedDelivery], settings: Any, tmp_path: Path
) -> None:
    """The folder can't be made for a while. What is known is held, and recorded later."""
    settings.OUTCOMES_TO = tmp_path / "file" / "outcomes"
    (tmp_path / "file").touch()
    recover()

    async def run() -> None:
        async with Dispatch() as dispatch:
            dispatch.keep([taken(each) for each in claimed])
            assert len(dispatch.late) == 3
            (tmp_path / "file").unlink()
            dispatch.keep(dispatch.late[:1])
            assert len(lines(dispatch.kept)) == 1

    asyncio.run(run())
    assert LateAnswer.objects.count() == 3
    assert not list(settings.OUTCOMES_TO.iterdir())


# --- A real worker, asked to stop while PostgreSQL is away ---------------------------------------


@pytest.fixture
def way() -> Iterator[Way]:
    with way_to_postgresql() as found:
        yield found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    started: list[WorkerProcess] = []

    def begin(name: str, **more: str) -> WorkerProcess:
        more["CONSOLE_OUTCOMES_TO"] = str(tmp_path / "outcomes")
        started.append(WorkerProcess(name, tmp_path, **more))
        return started[-1]

    yield begin
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait(END_SECONDS)


@pytest.mark.processes
def test_a_worker_that_stops_without_a_database_loses_no_outcome(
    simulator: Simulator,
    way: Way,
    start: Callable[..., WorkerProcess],
    chats: Any,
    send_to: Any,
    tmp_path: Path,
) -> None:
    chat_server_update(ROOT, ChatServer.objects.get(), window=WINDOW, request_timeout_seconds=30)
    simulator.faults(latency=3.0)  # within which PostgreSQL goes
    send: Send = send_to(chats(CHATS))
    far = start("worker-far-away", DATABASE_URL=way.url)
    until(simulator.journalled, within=END_SECONDS)
    way.end()  # PostgreSQL is gone: connections break, and new ones are refused
    far.process.send_signal(signal.SIGTERM)
    assert far.process.wait(END_SECONDS) == 0
    folder = tmp_path / "outcomes"
    (path,) = folder.glob("*.jsonl")
    kept = len(path.read_text().splitlines())
    written = len(simulator.journalled())
    assert 1 <= kept == written <= WINDOW
    assert [line["event"] for line in far.lines()].count("outcomes kept in a file") == 1
    simulator.faults(latency=0.0)
    start("worker-here")
    until(lambda: statuses(send)["pending"] == 0 and statuses(send)["sending"] == 0)
    until(lambda: not list(folder.iterdir()))
    assert statuses(send) == {"delivered": CHATS}
    assert len(simulator.journalled()) == CHATS
    until(lambda: Worker.objects.filter(is_stopping=False).exists())
    assert_ledger_agrees()
