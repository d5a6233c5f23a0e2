"""Who was shown customers' texts is on record: wherever one is shown, and nothing of it is lost."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import User
from console.audit.models import AuditEntry, Reading
from console.audit.readings import READINGS_AN_ENTRY, readings_enter, texts_shown
from console.audit.services import entries_write
from console.catalogue.models import NoticeVersion
from console.interactions.models import Interaction
from tests.pages.test_access import world
from tests.support import factories
from tests.support.broken_ledger import break_ledger
from tests.support.factories import ROOT
from tests.support.shown_texts import SHOWN, TEXT, make_interaction, make_notice, recorded

__all__ = ["make_interaction", "make_notice", "world"]  # fixtures

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on_record(settings: Any) -> None:
    settings.RECORD_READING = True


# What pages and calls show is recorded: tests/pages/test_access.py and tests/api/test_access.py
# open each of them.


def test_previews_of_a_send_are_recorded(
    world: dict[str, Any], browse: Callable[..., Client]
) -> None:
    chosen = {"notice": "hello", "interaction": [world["CHAT"]], "idempotency_key": "k"}
    client = browse(world["people"]["supervisor"])
    headers = {"HX-Request": "true"}
    page = client.post(reverse("board-preview"), {**chosen, "allow_repeat": "1"}, headers=headers)
    assert SHOWN in page.content.decode()
    assert recorded() == {("preview", world["CHAT"])}


def test_a_preview_of_an_incident_is_recorded(
    supervisor: User,
    chat_server: Any,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
    browse: Callable[..., Client],
) -> None:
    make_notice(key="hello")
    chat = make_interaction(queue="sales")
    stage = {"name": "Known", "notice": "hello"}
    factories.make_playbook("outage", {"queue": "sales"}, stage)
    page = browse(supervisor).get(reverse("playbook-start", args=["outage"]))
    assert SHOWN in page.content.decode()
    assert ("preview", chat.pk) in recorded()


def test_a_text_that_an_author_tries_with_a_chat_is_recorded(
    world: dict[str, Any], make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    both = make_user("both", "supervisor", "editor", "auditor")
    form = {
        "default_locale": "en",
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "0",
        "form-0-locale": "en",
        "form-0-body": TEXT,
        "asked-TOTAL_FORMS": "0",
        "chat": world["CHAT"],
    }
    page = browse(both).post(reverse("notice-preview", args=["hello"]), form)
    assert SHOWN in page.content.decode()
    assert ("preview", world["CHAT"]) in recorded()


def test_a_review_beside_a_live_chat_is_recorded(
    world: dict[str, Any], browse: Callable[..., Client]
) -> None:
    client = browse(world["people"]["supervisor"])
    client.get(reverse("notice-compare", args=["hello"]))
    assert recorded() == {("review", world["CHAT"])}


def test_the_page_of_a_customer_is_recorded(
    world: dict[str, Any], browse: Callable[..., Client], settings: Any
) -> None:
    settings.CUSTOMER_KEY = "CustomerId"
    Interaction.objects.update(customer_key="c-1")
    client = browse(world["people"]["auditor"])
    page = client.get(reverse("customer"), {"key": "c-1"})
    assert SHOWN in page.content.decode()
    assert recorded() == {("customer", world["CHAT"])}


# --- The ledger -----------------------------------------------------------------------------------


def test_what_one_person_read_becomes_one_entry(
    world: dict[str, Any], browse: Callable[..., Client]
) -> None:
    auditor = world["people"]["auditor"]
    before = AuditEntry.objects.count()
    client = browse(auditor)
    client.get(reverse("history"))
    client.get(reverse("delivery-detail", args=[world["DELIVERY"]]))
    assert AuditEntry.objects.count() == before  # pages do not wait for the ledger
    assert readings_enter() == 2
    assert not Reading.objects.exists()
    entry = AuditEntry.objects.latest("seq")
    assert AuditEntry.objects.count() == before + 1
    assert (entry.action, entry.actor_ref) == ("texts.read", auditor.ref)
    assert [(read["place"], read["chats"]) for read in entry.data["reads"]] == [
        ("history", [world["CHAT"]]),
        ("delivery-detail", [world["CHAT"]]),
    ]
    assert readings_enter() == 0


def test_what_several_people_read_becomes_an_entry_each(auditor: User, approver: User) -> None:
    for number in range(READINGS_AN_ENTRY + 1):
        texts_shown(auditor.to_actor(), "history", [f"c{number}"])
    texts_shown(approver.to_actor(), "send-approvals", ["c1", "c0", "c1"])
    readings_enter()
    entries = AuditEntry.objects.filter(action="texts.read").order_by("seq")
    assert [(entry.actor_name, len(entry.data["reads"])) for entry in entries] == [
        ("Audrey", READINGS_AN_ENTRY),
        ("Audrey", 1),
        ("Anna", 1),
    ]
    assert entries[2].data["reads"][0]["chats"] == ["c0", "c1"]


def test_without_the_ledger_nothing_is_forgotten(auditor: User) -> None:
    texts_shown(auditor.to_actor(), "history", ["c1"])

    def enter() -> None:
        with transaction.atomic():
            break_ledger()
            readings_enter()
            entries_write()

    with pytest.raises(DatabaseError):
        enter()
    assert Reading.objects.count() == 1


def test_a_page_whose_reading_can_not_be_recorded_is_not_shown(
    world: dict[str, Any], browse: Callable[..., Client]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_reading ADD CONSTRAINT never CHECK (id < 0)")
    client = browse(world["people"]["auditor"])
    client.raise_request_exception = False
    page = client.get(reverse("history"))
    assert page.status_code >= 500
    assert SHOWN not in page.content.decode()


def test_without_the_setting_nothing_is_recorded(
    world: dict[str, Any], browse: Callable[..., Client], settings: Any
) -> None:
    settings.RECORD_READING = False
    browse(world["people"]["auditor"]).get(reverse("history"))
    assert not Reading.objects.exists()


def test_a_page_takes_one_statement_more(
    world: dict[str, Any], browse: Callable[..., Client], settings: Any
) -> None:
    client = browse(world["people"]["auditor"])
    client.get(reverse("history"))

    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            client.get(reverse("history"))
        return len(caught)

    recorded_ones = statements()
    settings.RECORD_READING = False
    assert recorded_ones - statements() == 1


def test_the_console_itself_is_no_reader() -> None:
    texts_shown(ROOT, "history", ["c1"])
    assert not Reading.objects.exists()
