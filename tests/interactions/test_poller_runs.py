"""Never two pollers at a time; the command, the schedule, and what is said of failures."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from console.actors import Actor, Permission
from console.audit.models import AuditEntry
from console.errors import Conflict, PermissionRefused, Unavailable
from console.interactions import selectors, tasks
from console.interactions.management.commands.poll_interactions import sentences
from console.interactions.models import Interaction, InteractionPoll
from console.interactions.poller.poll import POLL_LOCK, poll_interactions
from console.interactions.poller.settings import read_poll_settings
from console.interactions.poller.writing import PollCounts, PollResult
from console.interactions.selectors import poll_is_late
from console.interactions.services import poll_begin
from console.ixn.errors import SnapshotFailed
from console.site import environment as env
from tests.interactions.polls import (
    POLLER,
    another_session,
    counted,
    feed,
    live,
    polled,
    server_of,
    taking,
)
from tests.support.factories import upsert
from tests.support.ixn_server import Broken, IxnServer, properties

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("poll_settings")]


# --- One at a time, and failures -----------------------------------------------------------------


def test_a_second_poller_says_so_and_does_nothing() -> None:
    server = server_of("a")
    with another_session() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [POLL_LOCK])
        with pytest.raises(Conflict, match="Another poller is at work"):
            polled(server)
        assert not Interaction.objects.exists()
    # Its session has ended, however it has, and PostgreSQL gives the lock to who waits for it.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s), pg_advisory_unlock(%s)", [POLL_LOCK] * 2)
    assert counted(polled(server)) == (1, 0, 0)


def test_a_poll_holds_the_lock_until_its_end_and_no_longer() -> None:
    held = []
    with another_session() as other:

        def is_free() -> bool:
            other.execute("SELECT pg_try_advisory_lock(%s)", [POLL_LOCK])
            (free,) = other.fetchone() or (None,)
            if free:
                other.execute("SELECT pg_advisory_unlock(%s)", [POLL_LOCK])
            return bool(free)

        server = server_of("a", "b")
        server.before_page = lambda start: held.append(not is_free())
        polled(server)
        assert held == [True]
        assert is_free()
        with pytest.raises(Unavailable):
            poll_interactions(POLLER, taking(Broken(SnapshotFailed("It hung up."))))
        assert is_free()


def test_a_failure_is_noted_and_keeps_what_was_read() -> None:
    broken = Broken([properties("a")], SnapshotFailed("Interaction Server hung up."), total=3)
    with pytest.raises(Unavailable, match="hung up"):
        poll_interactions(POLLER, taking(broken))
    noted = InteractionPoll.objects.get()
    assert noted.failure == "Interaction Server hung up."
    assert (noted.failures_in_a_row, noted.failures_total, noted.ended_at) == (1, 1, None)
    assert live() == {"a"}
    polled(server_of("a"))
    noted.refresh_from_db()
    assert (noted.failure, noted.failures_in_a_row, noted.failures_total) == ("", 0, 1)


def test_what_nobody_expected_is_noted_too() -> None:
    class Nothing(IxnServer):
        def take(self) -> Any:
            return int(None)  # type: ignore[call-overload]

    with pytest.raises(TypeError):
        polled(Nothing())
    noted = InteractionPoll.objects.get()
    assert noted.failure.startswith("It broke off by TypeError")
    assert (noted.failures_in_a_row, noted.failures_total, noted.ended_at) == (1, 1, None)
    assert noted.failed_at is not None


def test_that_no_poll_has_ever_ended_is_late(
    poll_settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    just_now, before = timezone.now(), timezone.now() - timedelta(seconds=100)
    poll = InteractionPoll(started_at=just_now)
    monkeypatch.setattr(selectors, "PROCESS_BEGAN", time.monotonic())
    poll_settings(interval=30)
    assert not poll_is_late(None)
    assert not poll_is_late(poll)
    assert poll_is_late(InteractionPoll(started_at=before))
    # Each poll kills its worker, or no worker has polled at all.
    monkeypatch.setattr(selectors, "PROCESS_BEGAN", time.monotonic() - 100)
    assert poll_is_late(poll)
    assert poll_is_late(None)
    poll_settings(interval=0)
    assert not poll_is_late(None)


def test_a_snapshot_is_released_whatever_happens() -> None:
    server = server_of("a")
    polled(server)
    assert server.released == 1
    server.chats["b"] = {"Mediatype": "chat"}
    with pytest.raises(Unavailable, match="without an Id"):
        polled(server)
    assert server.released == 2
    # One that can't be is gone with its connection.
    poll_interactions(POLLER, taking(Broken([properties("a")], total=1)))


def test_what_it_did_is_counted_and_recorded() -> None:
    server = server_of("a", "b")
    polled(server)
    del server.chats["b"]
    polled(server)
    noted = InteractionPoll.objects.get()
    assert (noted.address, noted.seen, noted.new, noted.ended) == ("stand-in:4420", 1, 0, 1)
    assert (noted.polls_total, noted.new_total, noted.ended_total) == (2, 2, 1)
    assert noted.ended_at is not None
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.actor_ref) == ("interactions.polled", "system:poller")
    assert entry.data["ended"] == ["b"]
    newest = entry.seq
    polled(server)
    assert AuditEntry.objects.latest("seq").seq == newest, "a poll without news is no entry"


# --- The command and the schedule ----------------------------------------------------------------


def test_the_command_says_what_is_not_set_up() -> None:
    with pytest.raises(CommandError, match="set CONSOLE_POLL_ADDRESSES and CONSOLE_POLL_CONDITION"):
        call_command("poll_interactions")


def test_the_command_says_that_another_poller_is_at_work(poll_settings: Any) -> None:
    poll_settings(addresses=("psdk://127.0.0.1:1",), condition="x = 1")
    with another_session() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [POLL_LOCK])
        with pytest.raises(CommandError, match="never more than one at a time") as refused:
            call_command("poll_interactions")
    assert refused.value.returncode == 75


def test_the_command_s_words() -> None:
    def said(**changes: Any) -> str:
        counts = PollCounts(new=1, changed=2, rejected=changes.pop("rejected", 0))
        result = PollResult("ixn:4420", 1200, counts, 3, 0, 0, True)
        return " ".join(sentences(replace(result, **changes)))

    summary = "ixn:4420: 1,200 chats in the snapshot. New 1, changed 2, ended 3."
    assert said() == summary
    assert "the log says why" in said(rejected=4)
    assert "poll_interactions --however-many" in said(withheld=30)
    assert "It is empty, and 2 live chats were not ended" in said(seen=0, withheld=2)
    assert "did not come as a whole" in said(withheld=30, is_whole=False)
    assert "2 live chats were in no snapshot ever" in said(unconfirmed=2)


def test_workers_poll_when_the_interval_has_gone_by(
    poll_settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_settings(interval=30)
    server = server_of("a")
    monkeypatch.setattr(tasks, "configured_source", lambda: server.opened)
    tasks.poll(timestamp=0)
    tasks.poll(timestamp=5)
    assert InteractionPoll.objects.get().polls_total == 1
    half_a_minute_ago = timezone.now() - timedelta(seconds=31)
    InteractionPoll.objects.update(started_at=half_a_minute_ago)
    tasks.poll(timestamp=35)
    assert InteractionPoll.objects.get().polls_total == 2


def test_workers_wait_after_a_failure_too(
    poll_settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_settings(interval=30)

    @contextmanager
    def unreachable() -> Iterator[IxnServer]:
        raise SnapshotFailed("No connection to ixn:4420.")
        yield

    monkeypatch.setattr(tasks, "configured_source", lambda: unreachable)
    for timestamp in (0, 5, 10):
        tasks.poll(timestamp=timestamp)
    assert InteractionPoll.objects.get().failures_total == 1


def test_an_interval_without_an_address_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSOLE_POLL_INTERVAL_SECONDS", "30")
    read_poll_settings()
    with pytest.raises(ImproperlyConfigured, match="Set CONSOLE_POLL_ADDRESSES"):
        env.stop_if_wrong()
    monkeypatch.setenv("CONSOLE_POLL_ADDRESSES", "psdk://a:1, psdk://b:1")
    monkeypatch.setenv("CONSOLE_POLL_CONDITION", "x = 1")
    assert read_poll_settings().addresses == ("psdk://a:1", "psdk://b:1")


# --- Who may -------------------------------------------------------------------------------------


def test_only_the_feed_s_permission_polls() -> None:
    nobody = Actor("client:1", "Reader", frozenset({Permission.VIEW_INTERACTIONS}))
    with pytest.raises(PermissionRefused):
        poll_begin(nobody)
    with pytest.raises(PermissionRefused):
        poll_interactions(nobody, server_of("a").opened)


# --- A feed at the same time ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_feed_at_the_same_time_waits_and_nobody_is_stuck() -> None:
    """Two sessions that write the same chats in other orders, and one that knows others besides."""
    names = [f"c{number:03}" for number in range(120)]
    server = server_of(*names[::2])
    failures: list[BaseException] = []

    def keep_feeding() -> None:
        try:
            for turn in range(6):
                shuffled = random.Random(turn).sample(names, len(names))
                feed(*(upsert(name, agent=f"agent-{turn}") for name in shuffled))
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    feeding = threading.Thread(target=keep_feeding)
    feeding.start()
    while feeding.is_alive():
        polled(server)
    feeding.join()
    assert failures == []
    server.chats |= {name: properties(name, AgentId="agent-5") for name in names}
    polled(server)
    assert live() == set(names)
    assert set(Interaction.objects.values_list("agent", flat=True)) == {"agent-5"}
