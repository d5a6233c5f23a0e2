"""A second language is files with translations, and no code."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone, translation

from console.accounts.models import ApiClient, User
from console.catalogue.transfer.jobs.control import import_job_run, import_job_start
from console.catalogue.transfer.jobs.selectors import report_rows
from console.errors import NotFound
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_unreachable
from console.sends.models import Delivery, DeliveryStatus, Reason
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.sends.reasons import CHAT_SERVER_UNREGISTERED
from console.site.languages import languages_in
from console.text.sentences import term
from console.text.wording import worded
from console.webhooks.models import Attempt
from console.webhooks.problems import STATUS
from console.webhooks.services import webhook_test
from tests.support.factories import ROOT, make_public_webhook
from tests.support.signing_in import sign_in
from tests.support.translations import Message, compiled

UNREGISTERED = "No Chat Server named {name} is registered; an administrator can add it."
TRANSLATED = {
    UNREGISTERED: "Kein Chat Server namens {name} ist eingetragen.",
    "There is no send {send}.": "Es gibt keine Sendung {send}.",
    "History": "Verlauf",
    "No connection within {seconds:g} seconds.": "Keine Verbindung in {seconds:g} Sekunden.",
    "It answers with status {status}: 200 to 299 count as taken.": "Status {status}.",
    "There is nothing in this file. Look at an export.": "Die Datei ist leer.",
    "Give the notice a {name}.": "Es fehlt: {name}.",
    "{n:,} minute": "{n:,} Minute",
    "{count:,} events came at once; send at most {limit:,}.": "{count:,} statt {limit:,}.",
}
PLURALS = {"{n:,} minute": ("{n:,} minutes", "{n:,} Minuten")}


@pytest.fixture
def german(tmp_path: Path, settings: Any) -> Path:
    """As `locale/de/LC_MESSAGES/django.mo` would be, and what the settings make of it."""
    words = []
    for text, translated in TRANSLATED.items():
        plural, plurally = PLURALS.get(text, ("", ""))
        words.append((Message(text, plural), (translated, plurally)))
    compiled(tmp_path, "de", words)
    settings.LOCALE_PATHS = [tmp_path]
    settings.LANGUAGES = languages_in(tmp_path)
    return tmp_path


def test_a_language_is_there_once_its_files_are(german: Path, tmp_path: Path) -> None:
    assert languages_in(tmp_path / "nowhere") == [("en", "English")]
    assert languages_in(german) == [("en", "English"), ("de", "Deutsch")]
    compiled(german, "pt_BR", [])
    assert [code for code, _name in languages_in(german)] == ["en", "de", "pt-br"]


@pytest.fixture
def skipped(
    supervisor: User, make_interaction: Callable[..., Any], make_notice: Callable[..., Any]
) -> Delivery:
    """A delivery to a chat of a Chat Server that nobody registered."""
    make_notice("Hello.", key="hello")
    chat = make_interaction(chat_server_app_name="chat-west")
    send = send_create(supervisor.to_actor(), SendOrder(notice_key="hello", interactions=[chat.pk]))
    return send.deliveries.get()


def test_pages_are_in_it_and_programs_are_told_in_english(
    german: Path, skipped: Delivery, supervisor: User, make_client: Callable[..., Any]
) -> None:
    english = "No Chat Server named chat-west is registered; an administrator can add it."
    reader = sign_in(Client(HTTP_ACCEPT_LANGUAGE="de"), supervisor)
    page = reader.get(f"/history/{skipped.pk}/").content.decode()
    assert "Kein Chat Server namens chat-west ist eingetragen." in page
    assert english not in page
    assert re.search(r"<h1[^>]*>\s*Verlauf\b", reader.get("/history/").content.decode())
    assert "Es gibt keine Sendung 99999." in reader.get("/sends/99999/").content.decode()

    other = sign_in(Client(HTTP_ACCEPT_LANGUAGE="fr"), supervisor)
    assert english in other.get(f"/history/{skipped.pk}/").content.decode()

    client: tuple[ApiClient, str] = make_client()
    call = Client(HTTP_ACCEPT_LANGUAGE="de", HTTP_AUTHORIZATION=f"Bearer {client[1]}")
    (told,) = call.get("/api/v1/deliveries/").json()["results"]
    assert (told["reason"], told["detail"]) == ("unknown_chat_server", english)
    assert told["detail_code"] == "chat_server_unregistered"
    assert told["detail_params"] == {"name": "chat-west"}
    answer = call.get("/api/v1/sends/99999/")
    assert answer.headers["Content-Language"] == "en"
    assert answer.json() == {
        "code": "send_not_found",
        "message": "There is no send 99999.",
        "params": {"send": 99999},
        "details": {},
    }


def test_what_was_stored_as_words_stays_words(german: Path, skipped: Delivery) -> None:
    """Deliveries of before there were codes have English sentences."""
    old = "The Chat Server chat-old is switched off in the console."
    before = Delivery.objects.create(
        send=skipped.send,
        interaction_id="old-chat",
        method="Message",
        status=DeliveryStatus.SKIPPED,
        reason=Reason.CHAT_SERVER_DISABLED,
        detail=old,
        finished_at=timezone.now(),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT detail FROM sends_delivery ORDER BY id")
        assert [detail for (detail,) in cursor.fetchall()] == [
            '{"code":"chat_server_unregistered","params":{"name":"chat-west"}}',
            old,
        ]
    with translation.override("de"):
        assert worded(Delivery.objects.get(pk=before.pk).detail) == old
        said = Delivery.objects.get(pk=skipped.pk).detail
        assert worded(said) == "Kein Chat Server namens chat-west ist eingetragen."


def test_health_attempts_and_imports_are_kept_by_code_too(
    german: Path, chat_server: ChatServer, editor: User
) -> None:
    failed = term("No connection within {seconds:g} seconds.", seconds=5.0)
    chat_server_unreachable(chat_server, detail=failed, rest=timedelta(seconds=1))
    message = webhook_test(ROOT, make_public_webhook())
    Attempt.objects.create(message=message, started_at=timezone.now(), problem=STATUS(status=500))
    empty = import_job_start(editor.to_actor(), file_name="a.csv", content=b"")
    import_job_run(empty.pk)
    bad = import_job_start(editor.to_actor(), file_name="b.csv", content=b"key,kind\nbad,message\n")
    import_job_run(bad.pk)

    with translation.override("de"):
        server = ChatServer.objects.get(pk=chat_server.pk)
        assert worded(server.health_detail) == "Keine Verbindung in 5 Sekunden."
        attempt = Attempt.objects.get(message=message)
        assert worded(attempt.problem) == "Status 500."
        assert attempt.problem == "It answers with status 500: 200 to 299 count as taken."
        empty.refresh_from_db()
        assert worded(empty.error) == "Die Datei ist leer."
        bad.refresh_from_db()
        (row,) = report_rows(bad, "refused")
        assert "Es fehlt: title." in [worded(each["message"]) for each in row["refusals"]]


def test_errors_are_worded_when_they_are_shown(german: Path) -> None:
    error = NotFound("send_not_found", "There is no send {send}.", send=7)
    assert error.message == "There is no send 7."
    with translation.override("de"):
        assert error.message == str(error) == "Es gibt keine Sendung 7."
    assert error.message == "There is no send 7."


def test_a_translation_that_does_not_fit_is_not_shown(german: Path) -> None:
    compiled(german, "de", [(Message(UNREGISTERED), ("Kein {names}.",))])
    with translation.override("de"):
        said = worded(CHAT_SERVER_UNREGISTERED(name="x"))
    assert said == "No Chat Server named x is registered; an administrator can add it."
