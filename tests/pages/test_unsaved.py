"""What the server does so that nothing typed is lost, and nothing is said that nobody knows."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent, revision
from console.catalogue.content.versions import version_create
from console.catalogue.models import NoticeVersion, VersionStatus
from console.interactions.models import ChatServer
from console.sends.models import Send
from tests.support.signing_in import sign_in

ROOT = Path(__file__).resolve().parents[2]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def writer(editor: User, browse: Callable[..., Client]) -> Client:
    return browse(editor)


@pytest.fixture
def draft(editor: User) -> NoticeVersion:
    actor = editor.to_actor()
    notice = notice_create(actor, key="hello", kind="message", title="Hello")
    return version_create(actor, notice, VersionContent(default_locale="en", bodies={"en": "One"}))


def typed(version: NoticeVersion, body: str, **fields: str) -> dict[str, str]:
    return {
        "default_locale": "en",
        "preset": "ALL:",
        "change_note": version.change_note,
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "0",
        "form-0-locale": "en",
        "form-0-body": body,
        "expected": revision(version),
        **fields,
    }


def changes() -> int:
    return AuditEntry.objects.filter(action="version.changed").count()


# --- Drafts that save themselves ------------------------------------------------------------------


def autosave(page: Client, fields: dict[str, str]) -> Any:
    return page.post(reverse("notice-autosave", args=["hello"]), fields)


def test_a_draft_saves_itself_and_answers_its_new_mark(
    writer: Client, draft: NoticeVersion
) -> None:
    answer = autosave(writer, typed(draft, "Two"))

    draft.refresh_from_db()
    assert draft.bodies == {"en": "Two"}
    assert draft.status == VersionStatus.DRAFT
    assert answer.json() == {"expected": revision(draft)}
    assert changes() == 1


def test_the_same_again_writes_nothing_and_is_no_conflict(
    writer: Client, draft: NoticeVersion
) -> None:
    """Whoever heard no answer asks again, with the mark of before."""
    fields = typed(draft, "Two")
    first = autosave(writer, fields)
    second = autosave(writer, fields)

    assert second.status_code == 200
    assert second.json() == first.json()
    assert changes() == 1


def test_what_somebody_saved_meanwhile_is_not_written_over(
    writer: Client, draft: NoticeVersion
) -> None:
    fields = typed(draft, "Mine")
    autosave(writer, typed(draft, "In another tab"))

    answer = autosave(writer, fields)

    assert answer.status_code == 409
    assert "has written version 1 since you began" in answer.json()["message"]
    draft.refresh_from_db()
    assert draft.bodies == {"en": "In another tab"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"form-0-locale": "no such language"}, 400),
        ({"form-0-body": "{{ unclosed"}, 400),
        ({"valid_from": "soon"}, 422),
    ],
)
def test_what_is_not_valid_is_not_saved_by_itself(
    writer: Client, draft: NoticeVersion, fields: dict[str, str], status: int
) -> None:
    answer = autosave(writer, typed(draft, "Two", **fields))

    assert answer.status_code == status
    assert answer.json()["message"]
    draft.refresh_from_db()
    assert draft.bodies == {"en": "One"}
    assert changes() == 0


def test_only_the_authors_own_open_draft_saves_itself(
    browse: Callable[..., Client], make_user: Callable[..., User], draft: NoticeVersion
) -> None:
    other = browse(make_user("otto", "editor"))
    assert (
        "data-saves-itself"
        not in other.get(reverse("notice-edit", args=["hello"])).content.decode()
    )

    answer = autosave(other, typed(draft, "Theirs"))

    assert answer.status_code == 409
    draft.refresh_from_db()
    assert draft.bodies == {"en": "One"}


def test_what_the_browser_kept_comes_back_with_all_its_rows(
    writer: Client, draft: NoticeVersion
) -> None:
    fields = typed(draft, "Two", **{"form-TOTAL_FORMS": "2", "put_back": "1"})
    fields |= {"form-1-locale": "de", "form-1-body": "Zwei", "expected": "the mark of then"}

    html = writer.post(reverse("notice-edit", args=["hello"]), fields).content.decode()

    assert "Zwei" in html
    assert "data-unsaved" in html
    assert 'value="the mark of then"' in html  # a later save meets what was saved meanwhile
    draft.refresh_from_db()
    assert draft.bodies == {"en": "One"}


# --- Whether it was taken -------------------------------------------------------------------------


def test_the_page_after_a_save_names_the_copy_that_may_go(
    writer: Client, draft: NoticeVersion
) -> None:
    answer = writer.post(
        reverse("notice-edit", args=["hello"]), typed(draft, "Two", kept_as="copy-1"), follow=True
    )
    assert '<meta name="saved-form" content="copy-1">' in answer.content.decode()
    assert "saved-form" not in writer.get(reverse("notice-list")).content.decode()


@pytest.mark.parametrize("fields", [{"form-0-locale": "no such language"}, {"add": "1"}])
def test_a_page_that_shows_the_form_again_names_none(
    writer: Client, draft: NoticeVersion, fields: dict[str, str]
) -> None:
    fields = typed(draft, "Two", kept_as="copy-1", **fields)
    html = writer.post(reverse("notice-edit", args=["hello"]), fields).content.decode()
    assert "saved-form" not in html
    assert "data-unsaved" in html


def test_who_is_led_to_sign_in_has_saved_nothing(
    client: Client, writer: Client, draft: NoticeVersion, editor: User
) -> None:
    client.post(reverse("notice-edit", args=["hello"]), typed(draft, "Two", kept_as="copy-1"))
    sign_in(client, editor)
    assert "saved-form" not in client.get(reverse("notice-list")).content.decode()


def test_the_way_back_in_says_that_nothing_was_done(client: Client, db: None) -> None:
    """And leads to the page of the form: its own address takes nothing but the form."""
    answer = client.post(
        reverse("send-create"),
        {"notice": "hello"},
        headers={"Referer": "http://testserver/board/?q=a"},
    )
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query == {"next": ["/board/?q=a"], "unsent": ["1"]}
    html = client.get(answer["Location"]).content.decode()
    assert "nothing of what you sent last was done" in html


def test_the_way_back_in_leads_to_no_other_site(client: Client, db: None) -> None:
    elsewhere = {"Referer": "https://elsewhere.example/board/"}
    answer = client.post(reverse("send-create"), {}, headers=elsewhere)
    assert parse_qs(urlsplit(answer["Location"]).query)["next"] == ["/sends/new/"]


def test_an_open_page_learns_who_is_here(writer: Client, editor: User, client: Client) -> None:
    answer = writer.get(reverse("here")).json()
    assert answer["person"] == editor.ref
    assert re.fullmatch(r"\w{64}", answer["token"])
    assert client.get(reverse("here")).status_code == 302


@pytest.fixture
def send(make_send: Callable[..., Send]) -> Send:
    return make_send(2, idempotency_key="k1")


def test_a_send_is_found_by_the_key_of_its_form(
    send: Send, supervisor: User, browse: Callable[..., Client]
) -> None:
    page, address = browse(supervisor), reverse("board-sent")
    found = page.get(address, {"idempotency_key": "k1"}).json()
    assert found == {"send": send.pk, "address": f"/sends/{send.pk}/"}
    panel = page.get(address, {"idempotency_key": "k1"}, headers=HTMX).content.decode()
    assert f"Send {send.pk}" in panel
    for key in ("k2", "", "a\nb"):
        assert page.get(address, {"idempotency_key": key}).json()["send"] is None
        assert page.get(address, {"idempotency_key": key}, headers=HTMX).status_code == 204


def test_nobody_finds_anothers_send_by_its_key(
    send: Send, make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    other = browse(make_user("otto", "supervisor"))
    found = other.get(reverse("board-sent"), {"idempotency_key": "k1"}).json()
    assert found == {"send": None, "address": ""}


def test_a_composition_comes_back_with_its_key(
    supervisor: User,
    chat_server: ChatServer,
    browse: Callable[..., Client],
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
) -> None:
    make_notice("Hello.", key="hello")
    chats = [make_interaction().pk for _ in range(2)]
    fields = {"interactions": " ".join(chats), "notice": "hello", "why": "a storm"}
    html = (
        browse(supervisor)
        .post(reverse("board-compose"), {**fields, "idempotency_key": "k1"}, headers=HTMX)
        .content.decode()
    )
    assert 'name="idempotency_key" value="k1"' in html
    assert f'value="{" ".join(chats)}" data-selection-rest' in html
    assert 'value="a storm"' in html
    assert "Send to 2 customers" in html
    assert not Send.objects.exists()


def test_nothing_stays_in_the_browser_where_that_is_off(writer: Client, settings: Any) -> None:
    settings.UNSAVED_HOURS = 0
    html = writer.get(reverse("notice-list")).content.decode()
    assert '<meta name="unsaved-hours" content="0">' in html


# --- Every form, every sentence -------------------------------------------------------------------

FORM = re.compile(r"<form\b[^>]*method=\"post\".*?</form>", re.DOTALL)
TEXT = re.compile(r"{% field |<textarea|type=\"text\"|_fields\.html")
# Forms in which one writes, and why what was typed does not stay in the browser.
NOT_KEPT = {
    "accounts/login.html": "a password",
    "accounts/password.html": "a password",
    "accounts/confirm_password.html": "a password",
    "accounts/confirm_code.html": "a code",
    "accounts/second_factor_ask.html": "a code",
    "accounts/app_add.html": "a code",
    "accounts/key_add.html": "the name of a key that is made at this moment",
    "catalogue/import.html": "a file",
    "interactions/test_chats.html": "a chat's id, which is copied from elsewhere",
    "sends/history_columns.html": "which columns are chosen, and no text",
}


def test_every_form_in_which_one_writes_is_kept() -> None:
    folder = ROOT / "templates"
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.html")
        for form in FORM.findall(path.read_text())
        if TEXT.search(form) and "data-keeps=" not in form
    }
    assert found == set(NOT_KEPT)


KNOWN = re.compile(r"[Nn]othing (?:was|of (?:it|this|what))[^.\"]*")


def test_no_page_claims_of_an_unanswered_request_that_it_was_not_done(writer: Client) -> None:
    html = writer.get(reverse("notice-list")).content.decode()
    for name in ("unknown", "not-loaded"):
        (words,) = re.findall(f'<meta name="words-{name}" content="([^"]*)">', html)
        assert "did not answer" in words
        assert not KNOWN.search(words)
