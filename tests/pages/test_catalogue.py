"""Writing, reviewing and retiring notices; presets."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.models import CannedNotice, NoticeVersion, VisibilityPreset


@pytest.fixture
def writer(editor: User, browse: Callable[..., Client]) -> Client:
    return browse(editor)


@pytest.fixture
def reviewer(approver: User, browse: Callable[..., Client]) -> Client:
    return browse(approver)


def version(*bodies: tuple[str, str], **fields: Any) -> dict[str, Any]:
    """What the editor posts."""
    posted: dict[str, Any] = {
        "default_locale": "en",
        "form-TOTAL_FORMS": len(bodies),
        "form-INITIAL_FORMS": 0,
        **fields,
    }
    for number, (locale, body) in enumerate(bodies):
        posted |= {f"form-{number}-locale": locale, f"form-{number}-body": body}
    return posted


def new_notice(client: Client, **fields: Any) -> Any:
    posted = {"key": "hello", "kind": "message", "title": "Hello", **fields}
    return client.post(reverse("notice-create"), posted)


def test_from_nothing_to_published(writer: Client, reviewer: Client) -> None:
    assert "No notices yet" in writer.get(reverse("notice-list")).content.decode()
    created = new_notice(writer, category="Greetings")
    assert created.url == reverse("notice-edit", args=["hello"])

    posted = version(("en", "Hi {{ data.FirstName }}"), ("fr", "Bonjour"), submit="1")
    assert writer.post(created["Location"], posted)["Location"] == reverse(
        "notice-detail", args=["hello"]
    )
    detail = reviewer.get(reverse("notice-detail", args=["hello"])).content.decode()
    assert "Version 1 waits for review" in detail
    assert "Bonjour" in detail

    approved = reviewer.post(reverse("version-approve", args=["hello", 1]), follow=True)
    assert "Supervisors can send it from now on." in approved.content.decode()
    assert NoticeVersion.objects.get().status == "published"


def test_a_push_urls_text_is_called_url_also_after_a_refusal(writer: Client) -> None:
    edit = new_notice(writer, kind="push_url").url
    row = ("en", "https://shop.example/")
    for answer in (
        writer.get(edit),
        writer.post(edit, version(row, default_locale="", submit="1")),
        writer.post(edit, version(("en", "no address"))),
    ):
        html = answer.content.decode()
        assert '<label class="field__label" for="id_form-0-body">URL' in html
        assert '<label class="field__label" for="id_form-0-body">Text' not in html


def test_what_is_missing_or_wrong_is_said_in_own_words(writer: Client) -> None:
    said = {
        "Late Delivery!": "Use small letters, digits and hyphens for the key",
        "late--delivery": "Use small letters, digits and hyphens for the key",
        "": "Give the notice a key.",
    }
    for key, words in said.items():
        (text,) = new_notice(writer, key=key).context["form"].errors["key"]
        assert text.startswith(words)
    assert new_notice(writer, title=" ").context["form"].errors["title"] == [
        "Give the notice a title."
    ]
    preset = writer.post(reverse("preset-create"), {"nickname": "Ann"}).context["form"]
    assert preset.errors == {
        "name": ["Give the preset a name."],
        "visibility": ["Choose who sees it."],
        "roles": ["Choose Everybody, or some roles."],
    }


def test_the_author_is_not_offered_the_decision(
    make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    both = browse(make_user("both", "editor", "approver"))
    new_notice(both)
    both.post(reverse("notice-edit", args=["hello"]), version(("en", "Hi"), submit="1"))

    detail = both.get(reverse("notice-detail", args=["hello"])).content.decode()
    refused = both.post(reverse("version-approve", args=["hello", 1]))

    assert "Nobody decides on their own version." in detail
    assert reverse("version-approve", args=["hello", 1]) not in detail
    assert refused.status_code == 403
    assert "Ask another approver." in refused.content.decode()


def test_review_shows_what_changed(
    writer: Client, reviewer: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Delayed by the storm.", key="hello")
    posted = version(("en", "Delayed by the snow."), ("de", "Verspätet."), submit="1")
    writer.post(reverse("notice-edit", args=["hello"]), posted)

    html = reviewer.get(reverse("notice-detail", args=["hello"])).content.decode()

    assert "<del>storm</del><ins>snow</ins>" in html
    assert "<ins>Verspätet.</ins>" in html


def test_rejecting_takes_a_reason(
    writer: Client, reviewer: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("One", key="hello")
    writer.post(reverse("notice-edit", args=["hello"]), version(("en", "Two"), submit="1"))
    address = reverse("version-reject", args=["hello", 2])

    without = reviewer.post(address, {"reason": " "})
    assert without.status_code == 400
    assert "Say why" in without.content.decode()

    reviewer.post(address, {"reason": "Too cold in tone."})
    html = writer.get(reverse("notice-detail", args=["hello"])).content.decode()
    assert "Too cold in tone." in html
    assert "Rejected" in html


def test_retiring_asks_first_and_tells_what_it_means(
    reviewer: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")
    before = reviewer.get(reverse("notice-detail", args=["hello"])).content.decode()

    reviewer.post(reverse("notice-retire", args=["hello"]))

    assert "Retire this notice?" in before
    assert CannedNotice.objects.get().retired_at is not None
    again = reviewer.post(reverse("notice-retire", args=["hello"]))
    assert again.status_code == 409
    assert "retired already" in again.content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"key": "Not A Key"}, "id_key_error"),
        ({"key": "Hello"}, "small letters"),
        ({"title": ""}, "id_title_error"),
        ({"kind": "fax"}, "id_kind_error"),
    ],
)
def test_a_notice_that_cannot_be_keeps_what_was_typed(
    writer: Client, fields: dict[str, str], words: str
) -> None:
    answer = new_notice(writer, **({"title": "Typed title"} | fields))

    assert answer.status_code == 422
    assert words in answer.content.decode()
    if "title" not in fields:
        assert "Typed title" in answer.content.decode()
    assert not CannedNotice.objects.exists()


def test_a_key_in_use_is_said_beside_the_key(
    writer: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="hello")

    answer = new_notice(writer)

    assert answer.status_code == 422
    assert "hello already" in answer.context["form"].errors["key"][0]


@pytest.mark.parametrize(
    ("bodies", "words"),
    [
        ([("en", "")], "Write the text: a notice without one"),
        ([("en", "Hi {{ data.")], "template can&#x27;t be read"),
        ([("english please", "Hi"), ("en", "Hi")], "no language code"),
    ],
)
def test_a_text_that_cannot_be_sent_is_refused_in_place(
    writer: Client, bodies: list[tuple[str, str]], words: str
) -> None:
    new_notice(writer)

    posted = version(*bodies, change_note="Kept note")
    answer = writer.post(reverse("notice-edit", args=["hello"]), posted)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "Kept note" in answer.content.decode()
    assert not NoticeVersion.objects.exists()


def test_another_language_gets_a_row_and_nothing_is_lost(writer: Client) -> None:
    new_notice(writer)

    posted = version(("en", "Typed text"), add="1")
    html = writer.post(reverse("notice-edit", args=["hello"]), posted).content.decode()

    assert "Typed text" in html
    assert 'name="form-1-locale"' in html
    assert not NoticeVersion.objects.exists()


def test_a_draft_is_gone_on_with(writer: Client) -> None:
    new_notice(writer)
    address = reverse("notice-edit", args=["hello"])
    writer.post(address, version(("en", "First words")))
    assert "First words" in writer.get(address).content.decode()

    writer.post(address, version(("en", "Second words")))

    assert [each.bodies for each in NoticeVersion.objects.all()] == [{"en": "Second words"}]


def test_preview_with_the_example_chat(writer: Client) -> None:
    new_notice(writer)

    html = writer.post(
        reverse("notice-preview", args=["hello"]),
        version(("en", "Hi {{ data.FirstName }}!"), ("fr", "Salut {{ data.Nothing }}")),
    ).content.decode()

    assert "Hi Zoë!" in html
    assert "this chat has no value for it" in html


def test_preview_with_a_live_chat_only_for_those_who_may_see_it(
    writer: Client,
    make_user: Callable[..., User],
    browse: Callable[..., Client],
    make_interaction: Callable[..., Any],
) -> None:
    new_notice(writer)
    make_interaction("chat-1", user_data={"FirstName": "Aiko"})
    posted = version(("en", "Hi {{ data.FirstName }}!"), chat="chat-1")
    address = reverse("notice-preview", args=["hello"])
    both = browse(make_user("both", "editor", "supervisor"))

    assert "Hi Aiko!" in both.post(address, posted).content.decode()
    assert "Hi Aiko!" not in writer.post(address, posted).content.decode()


def test_list_filters_and_says_when_nothing_matches(
    writer: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(key="first")
    make_notice("https://example.com/", key="second", kind="push_url")
    address = reverse("notice-list")

    only = writer.get(address, {"kind": "push_url"}).content.decode()
    none = writer.get(address, {"q": "zebra"}).content.decode()

    assert reverse("notice-detail", args=["second"]) in only
    assert reverse("notice-detail", args=["first"]) not in only
    assert "No notice matches" in none


def test_more_notices_cost_no_more_queries(
    writer: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            writer.get(reverse("notice-list"))
        return len(captured)

    make_notice()
    few = queries()
    for _ in range(8):
        make_notice()

    assert queries() == few


def test_presets_wait_for_somebody_elses_word(writer: Client, reviewer: Client) -> None:
    created = writer.post(
        reverse("preset-create"),
        {"name": "Floor team", "visibility": "INT", "nickname": "Floor", "roles": ["supervisor"]},
    )
    assert created.status_code == 302
    preset = VisibilityPreset.objects.get(name="Floor team")
    assert (preset.visibility, preset.nickname, preset.roles) == ("INT", "Floor", ["supervisor"])

    address = reverse("preset-edit", args=[preset.pk])
    assert 'value="Floor"' in writer.get(address).content.decode()
    nobody = writer.post(address, {"name": "Floor leads", "visibility": "VIP"})
    assert (nobody.status_code, list(nobody.context["form"].errors)) == (422, ["roles"])
    everybody = {"visibility": "VIP", "roles": ["everybody"]}
    both = writer.post(address, {"name": "F", "roles": ["everybody", "supervisor"]})
    assert "Choose Everybody alone" in both.content.decode()
    taken = writer.post(address, {"name": "Everyone", **everybody})
    assert taken.status_code == 422
    assert "Choose another name" in taken.content.decode()
    # All that is wrong is said at once.
    for to in (address, reverse("preset-create")):
        both = writer.post(to, {"name": "Everyone", "nickname": "\u0410nna", **everybody})
        assert set(both.context["form"].errors) == {"name", "nickname"}
        assert all(len(texts) == 1 for texts in both.context["form"].errors.values())
    writer.post(address, {"name": "Floor leads", **everybody})
    preset.refresh_from_db()
    assert (preset.name, preset.visibility, preset.is_approved) == ("Floor team", "INT", False)

    waiting = reviewer.get(reverse("preset-list")).content.decode()
    assert "The new preset <bdi>Floor team</bdi> waits for review" in waiting
    assert reverse("preset-approve", args=[preset.pk]) not in (
        writer.get(reverse("preset-list")).content.decode()
    )
    decision = {"change": preset.changes.latest("pk").pk}
    stale = reviewer.post(reverse("preset-approve", args=[preset.pk]), {"change": "1"})
    assert stale.status_code == 409
    assert "no such change" in stale.content.decode()
    without = reviewer.post(reverse("preset-reject", args=[preset.pk]), decision)
    assert "Say why" in without.content.decode()
    assert f"reject-{decision['change']}" in waiting
    reviewer.post(reverse("preset-approve", args=[preset.pk]), decision)
    preset.refresh_from_db()
    assert (preset.name, preset.visibility, preset.is_approved) == ("Floor leads", "VIP", True)


def test_what_has_ended_is_refused_in_words(
    writer: Client,
    reviewer: Client,
    make_notice: Callable[..., NoticeVersion],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_notice(key="hello")
    edit = reverse("notice-edit", args=["hello"])
    expected = writer.get(edit).context["expected"]
    ended = version(("en", "Closed today"), expected=expected, valid_until="2020-01-01T10:00")

    refused = writer.post(edit, {**ended, "submit": "1"})
    assert refused.status_code == 422
    assert "its time of validity has ended" in refused.content.decode()
    page = writer.get(reverse("notice-detail", args=["hello"])).content.decode()
    assert "Choose a later “valid until”" in page

    # The draft is saved, and its author goes on from there.
    again = {**ended, "expected": refused.context["expected"], "valid_until": "2099-01-01T10:00"}
    assert writer.post(edit, {**again, "submit": "1"}).status_code == 302

    later = NoticeVersion.objects.get(notice__key="hello", number=2).valid_until
    monkeypatch.setattr("console.catalogue.content.versions.near_now", lambda: later)
    page = reviewer.get(reverse("notice-detail", args=["hello"])).content.decode()
    assert "The time of validity of this version has ended" in page
    assert "Approve and publish" not in page
    approved = reviewer.post(reverse("version-approve", args=["hello", 2]))
    assert approved.status_code == 400
    assert "Reject it" in approved.content.decode()
