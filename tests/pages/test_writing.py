"""The editor: fields, snippets, languages, what chats carry, and the preview of all of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.models import NoticeVersion
from tests.pages.test_catalogue import new_notice, version

FIELDS = {
    "asked-TOTAL_FORMS": 2,
    "asked-INITIAL_FORMS": 0,
    "asked-0-name": "day",
    "asked-0-label": "New date",
    "asked-0-type": "date",
    "asked-0-required": "on",
    "asked-1-name": "why",
    "asked-1-type": "choice",
    "asked-1-choices": "strike\r\n storm \r\n\r\n",
}


@pytest.fixture
def writer(editor: User, browse: Callable[..., Client]) -> Client:
    return browse(editor)


def preview(client: Client, posted: dict[str, Any], key: str = "hello") -> str:
    answer = client.post(reverse("notice-preview", args=[key]), posted)
    assert answer.status_code == 200
    return answer.content.decode()


# --- Fields --------------------------------------------------------------------------------------


def test_fields_are_written_and_gone_on_with(writer: Client) -> None:
    new_notice(writer)
    edit = reverse("notice-edit", args=["hello"])
    body = ("en", "Until {{ field.day }}: {{ field.why }}")
    assert writer.post(edit, version(body, **FIELDS)).status_code == 302
    assert [
        (field["name"], field["label"], field["type"], field["required"], field["choices"])
        for field in NoticeVersion.objects.get().fields
    ] == [
        ("day", "New date", "date", True, []),
        ("why", "why", "choice", False, ["strike", "storm"]),
    ]

    html = writer.get(edit).content.decode()
    assert 'name="asked-0-label" value="New date"' in html
    assert "strike\nstorm</textarea>" in html
    assert 'data-insert="{{ field.day }}"' in html
    assert "Until March 31, 2027: strike" in html

    detail = writer.get(reverse("notice-detail", args=["hello"])).content.decode()
    assert "The sender fills in" in detail


def test_one_more_field_keeps_what_is_typed(writer: Client) -> None:
    new_notice(writer)
    posted = version(("en", "Typed"), add_field="1", **FIELDS)
    html = writer.post(reverse("notice-edit", args=["hello"]), posted).content.decode()
    assert 'name="asked-2-name"' in html
    assert "Typed</textarea>" in html
    assert not NoticeVersion.objects.exists()


def test_a_field_that_can_not_be_asked_is_refused_in_place(writer: Client) -> None:
    new_notice(writer)
    posted = version(("en", "Typed"), **{**FIELDS, "asked-0-name": "New date"})
    answer = writer.post(reverse("notice-edit", args=["hello"]), posted)
    assert answer.status_code == 422
    assert "is no name of a field" in answer.content.decode()
    assert "Typed</textarea>" in answer.content.decode()


# --- Preview -------------------------------------------------------------------------------------


def test_all_languages_at_once_with_name_length_and_direction(writer: Client) -> None:
    new_notice(writer)
    bodies = (("en", "Hello {{ data.FirstName }}"), ("ar", "مرحبا"), ("pt_BR", "Olá"))
    html = preview(writer, version(*bodies, nickname="Shop"))
    assert "Hello Zoë" in html
    assert '<p lang="ar" dir="rtl">مرحبا</p>' in html
    assert '<p lang="pt-BR" dir="ltr">Olá</p>' in html
    assert html.count("Shop</span>") == 3
    assert "9 of 4,096 characters" in html


def test_right_to_left_is_written_from_the_right(writer: Client) -> None:
    new_notice(writer)
    posted = version(("en", "Hello"), ("he", "שלום"), add="1")
    html = writer.post(reverse("notice-edit", args=["hello"]), posted).content.decode()
    assert 'dir="rtl" lang="he"' in html
    assert 'dir="ltr" lang="en"' in html


def test_a_missing_value_is_an_error_there(writer: Client) -> None:
    new_notice(writer)
    html = preview(writer, version(("en", "Hi {{ data.Nope }}"), ("de", "Hallo")))
    assert "note--bad" in html
    assert "data.Nope" in html
    assert ">Hallo</p>" in html


def test_a_url_has_the_limit_of_urls(writer: Client) -> None:
    new_notice(writer, kind="push_url")
    html = preview(writer, version(("en", "https://shop.example/{{ data.FirstName }}")))
    assert "of 2,048 characters" in html
    assert "https://shop.example/Zo%C3%AB" in html


def test_a_text_near_its_limit_says_so(writer: Client, settings: Any) -> None:
    settings.TEXT_LIMIT = 20
    new_notice(writer)
    assert "seen__long" in preview(writer, version(("en", "x" * 19)))
    assert "seen__long" not in preview(writer, version(("en", "x" * 18)))


def test_against_a_live_chat_for_who_may_see_it(
    make_user: Callable[..., User],
    browse: Callable[..., Client],
    make_interaction: Callable[..., Any],
    writer: Client,
) -> None:
    make_interaction("chat7", user_data={"FirstName": "Carla"})
    new_notice(writer)
    posted = version(("en", "Hello {{ data.FirstName }}"), chat="chat7")
    assert "Hello Zoë" in preview(writer, posted)  # an editor sees no chats

    both = browse(make_user("bea", "editor", "supervisor"))
    assert "Hello Carla" in preview(both, posted)


# --- What chats carry, and what would fail -------------------------------------------------------


def test_what_chats_carry_stands_beside_the_text(
    writer: Client, make_interaction: Callable[..., Any]
) -> None:
    for number in range(4):
        make_interaction(user_data={"OrderId": "A-1" if number else ""})
    new_notice(writer)
    html = preview(writer, version(("en", "Hello")))
    row = html.split('data-insert="{{ data.OrderId }}"')[1].split("</li>")[0]
    assert "75 %" in row
    assert "A-1" not in html

    flagged = preview(writer, version(("en", "Order {{ data.OrderId }}")))
    assert "would fail in 25 % of the 4 chats" in flagged
    assert "<code>data.OrderId</code>" in flagged


def test_what_would_fail_is_flagged_at_the_review_and_in_the_list(
    writer: Client,
    browse: Callable[..., Client],
    approver: User,
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Any],
) -> None:
    make_interaction()
    make_notice("Order {{ data.OrderId }}", key="order")
    assert "fails in 100 %" in writer.get(reverse("notice-list")).content.decode()

    new_notice(writer)
    posted = version(("en", "Order {{ data.OrderId }}"), submit="1")
    writer.post(reverse("notice-edit", args=["hello"]), posted)
    page = browse(approver).get(reverse("notice-detail", args=["hello"])).content.decode()
    assert "would fail in the chat that came last" in page


def test_missing_and_stale_languages_are_shown(
    writer: Client,
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Any],
) -> None:
    make_interaction(locale="ja")
    make_notice(bodies={"en": "One", "de": "Eins"}, key="hello")
    html = preview(writer, version(("en", "Two"), ("de", "Eins")))
    assert "<strong>Japanese</strong> (<code>ja</code>) 100&nbsp;%" in html
    assert ">stale</span>" in html
    assert ">stale</span>" not in preview(writer, version(("en", "Two"), ("de", "Zwei")))


# --- Snippets ------------------------------------------------------------------------------------


def test_snippets_are_previewed_and_offered(
    writer: Client, make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice(bodies={"en": "Bye", "pt": "Tchau"}, key="bye", kind="snippet")
    new_notice(writer)
    bodies = (("en", "Hi. {% snippet 'bye' %}"), ("pt", "Oi. {% snippet 'bye' %}"))
    html = preview(writer, version(*bodies))
    assert "Hi. Bye</p>" in html
    assert "Oi. Tchau</p>" in html
    assert "snippet &quot;bye&quot;" in html
    assert "no snippet nope" in preview(writer, version(("en", "{% snippet 'nope' %}")))


def test_an_older_version_of_a_snippet_is_shown(
    writer: Client, make_notice: Callable[..., NoticeVersion], editor: User
) -> None:
    bye = make_notice("Bye", key="bye", kind="snippet")
    make_notice("Hi. {% snippet 'bye' %}", key="hello")
    assert "Uses an older version" not in page_of(writer, "hello")

    draft = version_create(
        editor.to_actor(),
        bye.notice,
        VersionContent(default_locale="en", bodies={"en": "Farewell"}),
    )
    version_submit(editor.to_actor(), draft)
    assert "Uses an older version" not in page_of(writer, "hello")
    NoticeVersion.objects.filter(pk=bye.pk).update(status="superseded")
    NoticeVersion.objects.filter(pk=draft.pk).update(
        status="published", reviewer_ref="user:other", reviewer_name="Other"
    )
    assert "Uses an older version of the snippet <code>bye</code>" in page_of(writer, "hello")


def page_of(client: Client, key: str) -> str:
    return client.get(reverse("notice-detail", args=[key])).content.decode()


def test_a_snippet_has_neither_senders_nor_a_send_button(
    writer: Client,
    make_user: Callable[..., User],
    browse: Callable[..., Client],
    make_notice: Callable[..., NoticeVersion],
) -> None:
    make_notice("Bye", key="bye", kind="snippet")
    html = writer.get(reverse("notice-edit", args=["bye"])).content.decode()
    assert "What the sender fills in" not in html
    assert 'name="nickname"' not in html
    both = browse(make_user("bea", "editor", "supervisor"))
    assert "Send it" not in page_of(both, "bye")


def test_the_editor_takes_as_many_queries_for_one_language_as_for_many(
    writer: Client,
    editor: User,
    make_interaction: Callable[..., Any],
) -> None:
    make_interaction()
    for key, locales in (("one", ["en"]), ("many", ["en", "de", "fr", "pt", "ar", "ja"])):
        notice = notice_create(editor.to_actor(), key=key, kind="message", title=key)
        version_create(
            editor.to_actor(),
            notice,
            VersionContent(
                default_locale="en", bodies=dict.fromkeys(locales, "Hi {{ data.FirstName }}")
            ),
        )
    writer.get(reverse("notice-edit", args=["one"]))
    numbers = []
    for key in ("one", "many"):
        with CaptureQueriesContext(connection) as counted:
            writer.get(reverse("notice-edit", args=[key]))
        numbers.append(len(counted))
    assert numbers[0] == numbers[1]


def test_a_forecast_says_its_reason_in_words_and_is_silent_of_what_cant_be_read(
    writer: Client, make_interaction: Callable[..., Any]
) -> None:
    for _ in range(2):
        make_interaction(user_data={"Address": {"City": "Köln"}})
    new_notice(writer)

    html = preview(writer, version(("en", "To {{ data.Address }}")))
    assert "most often so: The text could not be filled in." in html
    assert "template_error" not in html

    html = preview(writer, version(("en", "{{ data.Address"), ("de", "{{ data.Nope }}")))
    assert "This would fail in" not in html
