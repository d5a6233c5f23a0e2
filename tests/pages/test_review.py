"""The reviewer sees what customers would see, before and after, and administrators write."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.roles import Role
from console.actors import Actor
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus, VisibilityPreset
from tests.support.factories import ROOT

AUTHOR = Actor("user:author", "Author", ROOT.permissions)


@pytest.fixture
def submit(make_notice: Callable[..., NoticeVersion]) -> Callable[..., NoticeVersion]:
    """A version that waits for review, of a notice `late` that has the words `before`."""

    def make(
        bodies: dict[str, str], before: dict[str, str] | None = None, **content: Any
    ) -> NoticeVersion:
        kind = content.pop("kind", "message")
        if before:
            notice = make_notice(key="late", bodies=before, kind=kind).notice
        else:
            notice = notice_create(AUTHOR, key="late", kind=kind, title="Late")
        draft = version_create(
            AUTHOR, notice, VersionContent(default_locale="en", bodies=bodies, **content)
        )
        return version_submit(AUTHOR, draft)

    return make


def shown(client: Client, name: str = "notice-detail") -> str:
    """The rendered part of the page."""
    html = client.get(reverse(name, args=["late"])).content.decode()
    return " ".join(html.split("customers would see it", 1)[1].split("card__foot")[0].split())


def test_both_are_filled_in_for_each_language(
    approver: User, browse: Callable[..., Client], submit: Callable[..., NoticeVersion]
) -> None:
    submit(
        {"en": "Dear {{ data.FirstName }}, later.", "ar": "مرحبا {{ data.FirstName }}"},
        {"en": "Hi {{ data.FirstName }}."},
        nickname="Service desk",
        visibility="INT",
    )

    for page in ("notice-detail", "notice-compare"):
        html = shown(browse(approver), page)
        assert "Hi Zoë." in html
        assert "Dear Zoë, later." in html
        assert 'lang="ar" dir="rtl">مرحبا \u2068Zoë\u2069</p>' in html
        assert "gets English: no Arabic text" in html  # before there was none
        assert "Service desk" in html
        assert "visibility--INT" in html
        assert "made up" in html
        assert "live chat" not in html  # an approver sees none


def test_a_live_chat_of_each_language_where_one_sees_chats(
    make_user: Callable[..., User],
    browse: Callable[..., Client],
    submit: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Any],
) -> None:
    submit({"en": "Dear {{ data.FirstName }}.", "no": "Hei {{ data.FirstName }}."})
    make_interaction("chat-1", locale="nb", user_data={"FirstName": "Kari"})
    make_interaction("chat-2", locale="en-GB", user_data={"FirstName": "Olive"})
    make_interaction("chat-3", locale="en", queue="sales", user_data={"FirstName": "Secret"})
    make_interaction("chat-4", locale="ja", user_data={"FirstName": "Aiko"})
    make_interaction("chat-5", locale="en-GB", user_data={"FirstName": "Second"})
    catalogue_team = make_user("both", Role.APPROVER, Role.SUPERVISOR)

    html = shown(browse(catalogue_team))

    assert "Hei Kari." in html
    assert "Dear Olive." in html
    assert html.count("live chat") == 2
    for absent in ("Aiko", "Second"):
        assert absent not in html
    assert html.count("made up") == 2


def test_what_would_fail_says_why(
    approver: User, browse: Callable[..., Client], submit: Callable[..., NoticeVersion]
) -> None:
    submit(
        {"en": "Order {{ data.Parcel }}.", "de": "Bestellung {{ data.parcel.number }}."},
        {"en": "Order {{ data.OrderId }}, {{ data.Parcel }}."},
    )

    html = shown(browse(approver))

    english, german = html.split('aria-label="German"')
    # What the example lacks is made up, and it is said what becomes of chats without it.
    assert "Order A-1042, ‹Parcel›." in english
    assert "a chat without it is skipped:<code>data.Parcel</code>" in english
    assert "Order ‹Parcel›." in english
    assert "note--bad" in german
    assert "this chat has no value for it" in german


def test_made_up_answers_are_marked(
    approver: User, browse: Callable[..., Client], submit: Callable[..., NoticeVersion]
) -> None:
    field = {"name": "minutes", "label": "Minutes", "type": "number"}
    submit({"en": "In {{ field.minutes }} minutes."}, fields=[field])

    html = shown(browse(approver))

    assert "In 12 minutes." in html
    assert "is made up here:" in html
    assert "<code>minutes</code> <bdi>12</bdi>" in html


def test_a_push_url_says_where_it_leads(
    approver: User, browse: Callable[..., Client], submit: Callable[..., NoticeVersion]
) -> None:
    submit(
        {"en": "https://example.com/{{ data.OrderId }}"},
        {"en": "https://example.org/"},
        kind="push_url",
    )

    html = shown(browse(approver))

    assert "https://example.com/A-1042" in html
    assert html.count("Leads to") == 2
    assert '<strong class="mono" dir="ltr">example.com</strong>' in html


def test_snippets_are_those_that_were_submitted(
    approver: User,
    browse: Callable[..., Client],
    submit: Callable[..., NoticeVersion],
    make_notice: Callable[..., NoticeVersion],
) -> None:
    greeting = make_notice("Dear customer", key="greeting", kind="snippet").notice
    submit({"en": "{% snippet 'greeting' %}, later."})
    newer = version_create(
        AUTHOR, greeting, VersionContent(default_locale="en", bodies={"en": "Hello you"})
    )
    version_submit(AUTHOR, newer)
    version_approve(ROOT, newer)

    html = shown(browse(approver))

    assert "Dear customer, later." in html
    assert "Hello you" not in html


def test_a_language_that_goes_shows_what_its_customers_get_then(
    approver: User, browse: Callable[..., Client], submit: Callable[..., NoticeVersion]
) -> None:
    submit({"en": "Sorry."}, {"en": "Sorry.", "de": "Entschuldigung."})

    html = shown(browse(approver))

    german = html.split('aria-label="German"')[1]
    assert "Entschuldigung." in german
    assert "gets English: no German text" in german
    assert "the same text in both" in html.split('aria-label="German"')[0]


# --- Administrators ------------------------------------------------------------------------------


@pytest.fixture
def adam(administrator: User, browse: Callable[..., Client]) -> Client:
    return browse(administrator)


def test_an_administrator_writes_and_somebody_else_approves(
    adam: Client, administrator: User, approver: User, browse: Callable[..., Client], settings: Any
) -> None:
    home = adam.get(reverse("home"), follow=True).content.decode()
    assert f'href="{reverse("notice-list")}"' in home
    assert adam.get(reverse("preset-list")).status_code == 200

    adam.post(reverse("notice-create"), {"key": "late", "kind": "message", "title": "Late"})
    texts = {
        "default_locale": "en",
        "visibility": "ALL",
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "0",
        "form-0-locale": "en",
        "form-0-body": "It is late.",
        "submit": "1",
    }
    saved = adam.post(reverse("notice-edit", args=["late"]), texts)
    assert saved.status_code == 302, saved.content.decode()
    version = NoticeVersion.objects.get(notice__key="late")
    assert (version.status, version.author_ref) == (VersionStatus.IN_REVIEW, administrator.ref)

    own = adam.post(reverse("version-approve", args=["late", 1]))
    assert own.status_code == 403
    page = adam.get(reverse("notice-detail", args=["late"])).content.decode()
    assert "Approve and publish" not in page
    browse(approver).post(reverse("version-approve", args=["late", 1]))
    assert NoticeVersion.objects.get().status == VersionStatus.PUBLISHED


def test_an_administrator_who_approves_too_never_decides_on_their_own(
    make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    both = make_user("both", Role.ADMINISTRATOR, Role.APPROVER)
    actor = both.to_actor()
    notice = notice_create(actor, key="late", kind="message", title="Late")
    draft = version_create(
        actor, notice, VersionContent(default_locale="en", bodies={"en": "Late"})
    )
    version_submit(actor, draft)

    answer = browse(both).post(reverse("version-approve", args=["late", 1]))

    assert answer.status_code == 403
    assert "Nobody decides on their own version" in answer.content.decode()


def test_an_administrator_proposes_presets_and_orders_categories(
    adam: Client, administrator: User
) -> None:
    preset = {"name": "Desk", "visibility": "ALL", "nickname": "Desk", "roles": ["everybody"]}
    adam.post(reverse("preset-create"), preset)
    assert VisibilityPreset.objects.get(name="Desk").is_approved is False
    adam.post(reverse("category-create"), {"name": "Delays"})
    assert adam.get(reverse("category-list")).content.decode().count("Delays") >= 1
    imported = adam.get(reverse("catalogue-import"))
    assert imported.status_code == 200


def test_an_administrator_sees_the_notices_of_all_teams_and_no_sent_text(
    adam: Client, make_notice: Callable[..., NoticeVersion], team: Any, make_send: Any
) -> None:
    make_notice("Words of sales", key="of-sales")
    CannedNotice.objects.filter(key="of-sales").update(team=team)
    assert (
        "Words of sales" in adam.get(reverse("notice-detail", args=["of-sales"])).content.decode()
    )
    send = make_send(1)
    detail = adam.get(reverse("send-detail", args=[send.pk])).content.decode()
    assert "Hello Zoë." not in detail
    assert adam.get(reverse("history")).status_code == 403
