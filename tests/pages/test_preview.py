"""The preview says who gets which language, once for each text, and who gets nothing."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer
from console.sends.models import Delivery, Outbox, Send
from console.sends.plan.contact_settings import contact_budget
from tests.support import factories

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(supervisor: User, chat_server: ChatServer, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


@pytest.fixture
def chats(
    make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> Callable[..., list[str]]:
    """Chats that say these languages; the notice `hello` is in English and German."""
    make_notice(key="hello", bodies={"en": "Good morning.", "de": "Guten Morgen."})

    def make(*locales: str) -> list[str]:
        return [make_interaction(locale=locale).pk for locale in locales]

    return make


def compose(chats: list[str], **fields: Any) -> dict[str, Any]:
    return {"interaction": chats, "notice": "hello", "idempotency_key": "k1", **fields}


def preview(page: Client, chats: list[str], **fields: Any) -> str:
    posted = page.post(reverse("board-preview"), compose(chats, **fields), headers=HTMX)
    assert posted.status_code == 200
    return " ".join(posted.content.decode().split('id="send-bar"')[0].split())


def test_three_spanish_speakers_get_english_and_it_is_said(
    page: Client, chats: Callable[..., list[str]]
) -> None:
    html = preview(page, chats("es", "es-MX", "es"))

    assert "3 of 3 get English: no Spanish text" in html
    assert 'name="leave_out" id="leave-out-other_language" value="other_language">' in html
    assert "Leave out the 3" in html
    # Said by a drawing and by words, not by a colour alone.
    note = html.split("3 of 3 get English")[0].rsplit('<div class="note', 1)[1]
    assert "<svg" in note


@pytest.mark.parametrize(
    ("locales", "sentences"),
    [
        (["es", "en", "de-AT"], ["1 of 3 gets English: no Spanish text"]),
        (["es", "fr", "fr-CA", "en"], ["2 of 4 get English: no French", "1 of 4 gets English"]),
        (["no", "zh-TW"], ["no Norwegian Bokmål text", "no Traditional Chinese text"]),
        (["", "Englisch", "de"], ["2 chats say no language: they get English"]),
        (["", "ja"], ["1 chat says no language: it gets English", "1 of 2 gets English: no Jap"]),
        (["en-GB", "de-CH", "deu"], []),
    ],
)
def test_what_is_said_of_whom(
    page: Client, chats: Callable[..., list[str]], locales: list[str], sentences: list[str]
) -> None:
    html = preview(page, chats(*locales))

    for sentence in sentences:
        assert sentence in html
    assert ("Leave out" in html) is bool(sentences)


def test_a_text_stands_there_once_however_many_get_it(
    page: Client, chats: Callable[..., list[str]]
) -> None:
    html = preview(page, chats(*["en"] * 9, *["de"] * 5, "es"))

    assert html.count("Good morning.") == 1
    assert html.count("Guten Morgen.") == 1
    assert html.index("Good morning.") < html.index("Guten Morgen.")
    assert "10 chats" in html
    assert "9 in their own language" in html
    assert "Who gets it: 5 chats" in html
    assert '<p class="prewrap" lang="de" dir="ltr">' in html


def test_of_texts_that_differ_a_few_are_shown(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Dear {{ data.FirstName }}.", key="hello")
    names = ["Ann", "Ann", "Ben", "Cem", "Dua", "Eva"]
    ids = [make_interaction(user_data={"FirstName": name}).pk for name in names]

    html = preview(page, ids)

    assert [html.count(f"Dear {name}.") for name in ("Ann", "Ben", "Cem", "Dua")] == [1, 1, 1, 0]
    assert "5 texts in all, each with the chat&#x27;s own data" in html or (
        "5 texts in all, each with the chat's own data" in html
    )
    assert "Ann Martin</bdi>and 1 other" in html


def test_who_is_skipped_stands_under_the_reason(
    page: Client, make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]
) -> None:
    make_notice("Order {{ data.OrderId }}.", key="hello")
    ids = [make_interaction(user_data={"FirstName": name}).pk for name in ("Ann", "Ben")]
    ids.append(make_interaction(user_data={"FirstName": "Cem", "IsOnline": "0"}).pk)
    ids.append(make_interaction(user_data={"OrderId": "7"}).pk)

    html = preview(page, ids)

    assert html.count("<summary>") == 3  # those who get it, and two reasons
    first, second = html.split('<details class="preview__item preview__item--skipped')[1:]
    assert "2 skipped" in first
    assert "this chat has no value for it" in first
    assert first.index("Ann Martin") < first.index("Ben Martin")
    assert "1 skipped" in second
    assert "Cem Martin" in second


def test_many_are_counted_and_not_all_named(page: Client, chats: Callable[..., list[str]]) -> None:
    html = preview(page, chats(*["en"] * 60))

    assert html.count("<li>") == 50
    assert "and 10 more" in html


def test_they_are_left_out_and_taken_back(page: Client, chats: Callable[..., list[str]]) -> None:
    ids = chats("en", "es", "es", "")

    html = preview(page, ids, leave_out="other_language")

    assert "Left out: 2 chats for which there is no text in their language" in html
    assert 'value="other_language" checked>' in html
    assert "The notice has no text in Spanish." in html
    assert "1 chat says no language: it gets English" in html
    assert "Left out" not in preview(page, ids)

    html = preview(page, ids, leave_out=["other_language", "unknown_language"])
    assert "Left out: 1 chat that says no language" in html
    assert "1 ready" in html


def test_what_is_set_is_shown_also_where_it_leaves_nobody_out(
    page: Client, chats: Callable[..., list[str]]
) -> None:
    html = preview(page, chats("en"), leave_out="other_language")
    assert "Left out: 0 chats" in html
    assert 'value="other_language" checked>' in html


def test_they_are_left_out_of_the_send_without_scripts(
    page: Client, chats: Callable[..., list[str]]
) -> None:
    ids = chats("en", "es")

    page.post(reverse("send-create"), compose(ids, leave_out="other_language"))

    send = Send.objects.get()
    assert send.ready_count == 1
    skipped = Delivery.objects.get(send=send, status="skipped")
    assert (skipped.reason, skipped.chat_locale) == ("no_text_in_language", "es")


def test_a_way_to_leave_out_that_is_none_sends_nothing(
    page: Client, chats: Callable[..., list[str]]
) -> None:
    answer = page.post(
        reverse("send-create"), compose(chats("en"), leave_out="everybody"), headers=HTMX
    )

    assert answer.status_code == 422
    assert "choose other_language, unknown_language" in answer.content.decode()
    assert not Send.objects.exists()


def test_who_approves_and_who_follows_see_it_too(
    page: Client,
    chats: Callable[..., list[str]],
    approver: User,
    browse: Callable[..., Client],
    settings: Any,
) -> None:
    settings.APPROVAL_ABOVE = 1
    page.post(reverse("send-create"), compose(chats("en", "es", "es", "")))

    approvals = browse(approver).get(reverse("send-approvals")).content.decode()
    assert "2 of 4 get English: no Spanish text" in approvals
    assert "1 chat says no language: it gets English" in approvals
    detail = page.get(reverse("send-detail", args=[Send.objects.get().pk])).content.decode()
    assert detail.count("The chat says Spanish") == 2
    assert detail.count("The chat says none") == 1
    delivery = Delivery.objects.get(chat_locale="")
    one = page.get(reverse("delivery-detail", args=[delivery.pk])).content.decode()
    assert "The chat says none" in one


def test_of_sends_before_nobody_says_what_the_chat_said(
    page: Client, make_send: Callable[..., Send]
) -> None:
    send = make_send(1)
    Delivery.objects.filter(send=send).update(chat_locale=None)
    detail = page.get(reverse("send-detail", args=[send.pk])).content.decode()
    assert "The chat says" not in detail


# --- The contact budget --------------------------------------------------------------------------


def have_had(chats: list[str], number: int, sender: User, minutes: int = 4) -> None:
    for turn in range(number):
        key = factories.make_notice(f"before-{chats[0]}-{turn}").notice.key
        send = factories.make_send(sender, key, chats)
        at = timezone.now() - timedelta(minutes=minutes)
        send.deliveries.update(status="delivered", attempted_at=at, finished_at=at)
        Outbox.objects.filter(send=send).delete()


def test_what_chats_have_had_stands_once_with_their_number(
    page: Client, chats: Callable[..., list[str]], supervisor: User, settings: Any
) -> None:
    once, twice, fresh = chats("en", "en", "en"), chats_again(), chats_again()
    have_had(once, 1, supervisor)
    have_had(twice, 2, supervisor)
    settings.CONTACT_BUDGET = contact_budget("routine=3/15")
    html = preview(page, [*once, *twice, *fresh])
    assert html.count("have had 2 of 3 in 15 minutes; this would be the third") == 1
    assert "2 chats have had 2 of 3 in 15 minutes; this would be the third" in html
    assert "3 chats have had 1 of 3 in 15 minutes; this would be the second" in html
    assert html.count("this would be") == 2
    html = preview(page, twice[:1])
    assert "1 chat has had 2 of 3 in 15 minutes; this would be the third" in html


def chats_again() -> list[str]:
    return [factories.make_interaction(f"more{next(NUMBERS)}", locale="en").pk for _ in range(2)]


NUMBERS = count()


def test_whose_budget_is_spent_stands_under_one_sentence_with_the_times(
    page: Client, chats: Callable[..., list[str]], supervisor: User, settings: Any
) -> None:
    early, late = chats("en"), chats_again()
    have_had(early, 3, supervisor, minutes=12)
    have_had(late, 3, supervisor, minutes=4)
    settings.CONTACT_BUDGET = contact_budget("routine=3/15")
    html = preview(page, early)
    assert "Has had 3 of 3 in 15 minutes. The next is possible at " in html
    html = preview(page, [*early, *late])
    assert html.count("</span> Has had 3 or more in 15 minutes. The next is possible from ") == 1
    assert "3 skipped" in html
    assert "has had, or is about to get" not in html


def test_without_a_budget_nothing_is_said_of_it(
    page: Client, chats: Callable[..., list[str]], supervisor: User
) -> None:
    those = chats("en")
    have_had(those, 2, supervisor)
    assert "this would be" not in preview(page, those)
