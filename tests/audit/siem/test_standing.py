"""How a stream stands: on Operations, in /readyz and metrics, and by the command."""

import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from console.audit import tasks
from console.audit.models import AuditEntry, AuditStream
from console.audit.siem.positions import streams_begin
from console.audit.siem.streaming import stream_to
from tests.audit.siem.receivers import syslog_receiver
from tests.pages.test_operations import text_of
from tests.support.authority import Authority
from tests.support.scraping import scrape
from tests.support.signing_in import sign_in
from tests.support.tampering import triggers_off

pytestmark = pytest.mark.django_db

NOWHERE = "syslog+tls://127.0.0.1:1"
Streamed = Callable[..., str]
Enter = Callable[..., None]


def audit_stream(*arguments: str) -> str:
    said = StringIO()
    call_command("audit_stream", *arguments, stdout=said)
    return said.getvalue()


@pytest.fixture
def late(streamed: Streamed, enter: Enter) -> str:
    """A receiver that is not there, and seven entries that have waited for twenty minutes."""
    place = streamed(NOWHERE)
    enter(7)
    with triggers_off():
        AuditEntry.objects.update(at=Now() - timedelta(minutes=20))
    stream_to(place)
    return place


def test_metrics(client: Client, late: str) -> None:
    found = scrape(client)
    assert found["console_siem_waiting_entries", late] == 7
    assert 1200 <= found["console_siem_waiting_seconds", late] < 1260
    assert found["console_siem_failures_total", late] == 1
    assert found["console_siem_messages_total", late] == 0
    assert found["console_siem_skipped_entries_total", late] == 0


def test_without_a_stream_nothing_is_asked(client: Client) -> None:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert not any(name[0].startswith("console_siem") for name in scrape(client))
    assert not any("audit_auditstream" in query["sql"] for query in captured)


def test_readyz_and_operations(client: Client, late: str, supervisor: Any) -> None:
    (trouble,) = [
        each for each in client.get("/readyz").json()["troubles"] if each["code"] == "siem_late"
    ]
    assert f"for the SIEM at {late} for 12" in trouble["message"]
    assert "It can't be reached: " in trouble["message"]
    text = text_of(sign_in(client, supervisor))
    assert "Audit trail to a SIEM" in text
    assert re.search(r"Waiting \(entries\) \d Oldest waiting \(seconds\) 1,2\d\d ", text)
    assert "It can't be reached: " in text


def test_the_command_tells(late: str) -> None:
    said = audit_stream()
    assert f"{late}: taken up to entry 0; 7 entries wait, the oldest for 12" in said
    assert "0 messages would be sent again. It can't be reached" in said


def test_the_command_tells_of_one_that_has_not_begun(streamed: Streamed, enter: Enter) -> None:
    enter(1)
    streamed(NOWHERE)
    AuditStream.objects.all().delete()
    assert audit_stream() == f"{NOWHERE}: no worker has begun it\n"


def test_the_command_goes_back_and_tests(
    authority: Authority, streamed: Streamed, enter: Enter
) -> None:
    with syslog_receiver(authority) as receiver:
        place = streamed(receiver.address, NOWHERE)
        enter(3)
        stream_to(place)
        with pytest.raises(CommandError, match="say which one with --to"):
            audit_stream("--test")
        assert "has taken the event" in audit_stream("--test", "--to", place)
        assert "from entry 2 on again" in audit_stream("--from", "2", "--to", place)
        with pytest.raises(CommandError, match="no receiver https://elsewhere"):
            audit_stream("--from", "2", "--to", "https://elsewhere")
        with pytest.raises(CommandError, match=r"has not taken it\. It can't be reached"):
            audit_stream("--test", "--to", NOWHERE)
        stream_to(place)
    assert receiver.numbers()[:3] == [1, 2, 3]
    assert receiver.numbers()[3] == 0
    assert receiver.numbers()[4:6] == [2, 3]


def test_without_a_stream_the_command_says_so() -> None:
    with pytest.raises(CommandError, match="CONSOLE_SIEM_TO is not set"):
        audit_stream()


def test_each_receiver_has_a_job(streamed: Streamed, enter: Enter, settings: Any) -> None:
    streamed(NOWHERE, "https://127.0.0.1:1/")
    for _twice in range(2):  # one that waits is enough
        enter(1)
        tasks.streams(0)
    jobs = ProcrastinateJob.objects.filter(task_name=tasks.STREAM)
    assert sorted(job.args["place"] for job in jobs) == sorted(
        each.name for each in settings.SIEM_TO
    )


def test_a_new_receiver_begins_at_the_end(enter: Enter, settings: Any, streamed: Streamed) -> None:
    streamed(NOWHERE)
    enter(5)
    streamed(NOWHERE, "https://127.0.0.1:1/")
    streams_begin()
    assert dict(AuditStream.objects.values_list("place", "told_to")) == {
        NOWHERE: 0,
        "https://127.0.0.1:1": 5,
    }
