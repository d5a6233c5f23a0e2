"""The history as CSV: whole, safe for spreadsheets, recorded, and never all of it in memory."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import User
from console.actors import Actor
from console.audit.actions import EVENTS, Action
from console.audit.models import AuditEntry
from console.errors import PermissionRefused
from console.exports import reading
from console.exports.files.cells import cell
from console.exports.files.formats import ExportFormat
from console.exports.orders import Order
from console.exports.services import export_now
from console.sends.history_export import COLUMNS, HISTORY
from console.sends.history_filter import FILTERS, DeliveryFilter
from console.sends.models import Delivery
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.serving import serving
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(
    supervisor: User,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> Callable[..., None]:
    def send(chats: int = 1, **user_data: str) -> None:
        notice = make_notice("{{ data.FirstName }}").notice.key
        ids = [make_interaction(user_data=user_data).pk for _ in range(chats)]
        send_create(
            supervisor.to_actor(), SendOrder(notice_key=notice, interactions=ids, why="+why")
        )

    return send


def history_export(actor: Actor, *, filter: DeliveryFilter) -> Iterator[bytes]:
    return export_now(actor, order=Order(HISTORY, ExportFormat.CSV, filter.to_mapping()))


def read(parts: Iterator[bytes]) -> list[dict[str, str]]:
    text = b"".join(parts).decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("\n=1", "'\n=1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("＝1", "'＝1"),
        ("1=1", "1=1"),
        ("a\tb", "a\tb"),
        ("", ""),
        (None, ""),
        (-5, "-5"),
    ],
)
def test_no_cell_is_a_formula(value: object, expected: str) -> None:
    assert cell(value) == expected


def test_what_a_customer_wrote_comes_out_harmless(auditor: User, sent: Callable[..., None]) -> None:
    sent(FirstName='=HYPERLINK("https://evil.example")', LastName="Zoë\n,;\"'")
    (row,) = read(history_export(auditor.to_actor(), filter=DeliveryFilter()))
    assert tuple(row) == COLUMNS
    assert row["body"] == '\'=HYPERLINK("https://evil.example")'
    assert row["customer_name"].startswith("'=HYPERLINK")
    assert row["why"] == "'+why"
    assert datetime.fromisoformat(row["created_at"]).utcoffset() is not None


def test_all_of_it_in_parts(
    auditor: User, sent: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH", 3)
    sent(chats=7)
    parts = history_export(auditor.to_actor(), filter=DeliveryFilter())
    assert next(parts).count(b"\r\n") == 1
    with CaptureQueriesContext(connection) as captured:
        assert next(parts).count(b"\r\n") == 3
    assert len(captured) <= 5, "of each part so many, whatever there is besides"
    assert b"".join(parts).count(b"\r\n") == 4


def test_nothing_is_a_line_of_names(auditor: User) -> None:
    assert read(history_export(auditor.to_actor(), filter=DeliveryFilter())) == []


def test_it_is_in_the_trail_with_its_filter(auditor: User, sent: Callable[..., None]) -> None:
    sent()
    history_export(auditor.to_actor(), filter=DeliveryFilter(notice="notice-1", q="x"))
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.actor_name) == ("history.exported", auditor.to_actor().name)
    newest = Delivery.objects.latest("pk").pk
    assert entry.data == {"notice": "notice-1", "q": "x", "format": "csv", "upto": newest}


def test_who_sends_only_may_not(supervisor: User) -> None:
    with pytest.raises(PermissionRefused):
        history_export(supervisor.to_actor(), filter=DeliveryFilter())
    assert not AuditEntry.objects.filter(action="history.exported").exists()


def test_the_page_exports_what_it_shows(
    auditor: User, supervisor: User, sent: Callable[..., None], client: Client
) -> None:
    sent(FirstName="Ann")
    sent(FirstName="Bob")
    sign_in(client, auditor)
    page = client.get(reverse("history"), {"q": "Bob"}).content.decode()
    assert '<input type="hidden" name="q" value="Bob">' in page
    answer = client.post(reverse("history-export"), {"q": "Bob"})
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="history-')
    assert [row["body"] for row in read(iter(answer))] == ["Bob"]
    assert client.post(reverse("history-export"), {"status": "lost"}).status_code == 400
    sign_in(client, supervisor)
    assert reverse("history-export") not in client.get(reverse("history")).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_running_server_streams_it(
    auditor: User, sent: Callable[..., None], client: Client
) -> None:
    sent(chats=3, FirstName="Zoë")
    sign_in(client, auditor)
    token = "a" * 32
    session = client.cookies["sessionid"].value
    with serving() as server:
        answer = server.ask(
            reverse("history-export"),
            "POST",
            b"",
            Cookie=f"sessionid={session}; csrftoken={token}",
            X_CSRFToken=token,
        )
    assert answer.status == 200
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert [row["body"] for row in read(iter([answer.body]))] == ["Zoë"] * 3


def test_the_ledger_may_say_each_filter_of_an_export() -> None:
    assert set(FILTERS) <= EVENTS[Action.HISTORY_EXPORTED].data
