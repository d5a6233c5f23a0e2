"""Every search box finds what it says; and what was opened last is told as it is now."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.content.notices import notice_create
from tests.pages.searching import HIT, answer, hits
from tests.pages.searching import world as world
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db

# --- The other searches: each finds what its box promises ----------------------------------------

# Page, what its box promises, and what is typed for each of these; the last word is what is shown.
BOXES = [
    ("supervisor", "board", "Customer, chat id, queue or agent", "Zoë Martin"),
    ("supervisor", "send-list", "Number, notice or sender", "Parcel delayed"),
    (
        "supervisor",
        "history",
        "Customer, chat id, text, notice, sender, outcome, Chat Server or date",
        "0001ABCD",
    ),
    ("supervisor", "notice-list", "Words of any language, or / and a shortcut", "Parcel delayed"),
    ("administrator", "user-list", "Name or e-mail", "Sue"),
    ("administrator", "team-list", "Team or queue", "Sales"),
    ("administrator", "api-client-list", "Name", "Night shift"),
]
TYPED = {
    "board": ["zoë mar", "0001abcd", "SALES", "ann.kell"],
    "send-list": ["{number}", "#{number}", "delayed", "parcel-del", "sue", "sue parcel"],
    "history": ["zoë", "0001ABCD", "tomorrow", "parcel-delay", "Parcel delayed", "sue"],
    "notice-list": ["tomorrow", "/late", "/lat", "parcel-delay", "delayed"],
    "user-list": ["sue", "SUE@"],
    "team-list": ["sale", "SALES"],
    "api-client-list": ["night", "shift night"],
}


@pytest.mark.parametrize(("who", "page", "promise", "shown"), BOXES)
def test_each_search_finds_what_its_box_says(
    who: str,
    page: str,
    promise: str,
    shown: str,
    world: dict[str, Any],
    supervisor: User,
    browse: Callable[..., Client],
    request: pytest.FixtureRequest,
) -> None:
    User.objects.filter(pk=supervisor.pk).update(email="sue@site.example")
    client = browse(request.getfixturevalue(who))
    assert promise in client.get(reverse(page)).content.decode()
    missing = []
    for typed in TYPED[page]:
        q = typed.format(**world)
        html = client.get(reverse(page), {"q": q}).content.decode()
        table = html.split("<tbody>")[1] if "<tbody>" in html else ""
        if shown not in table:
            missing.append(q)
    assert missing == []


def test_the_shortcut_in_use_is_the_first_however_many_have_its_word(
    supervisor: User,
    make_notice: Callable[..., Any],
    browse: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.catalogue.selectors.SEARCHED", 3)
    for number in range(6):
        notice_create(ROOT, key=f"a-late-{number}", kind="message", title="Late")
    notice_create(ROOT, key="zz", kind="message", title="Z", shortcut="late")

    html = browse(supervisor).get(reverse("notice-list"), {"q": "/late"}).content.decode()

    assert html.split("<tbody>")[1].index("/notices/zz/") < html.index("/notices/a-late-")


# --- Recents --------------------------------------------------------------------------------------

REFERENCES = [
    "send:{number}",
    "notice:parcel-delay",
    "chat:0001ABCD",
    "page:history",
    "page:user-list",
    "notice:no-such",
    "send:999999",
    "chat:nobody",
    "page:no-such",
    "chat:0002ENDED",
    "zebra",
    "notice:",
]
RECENT = [
    ("supervisor", ["Send {number}: Parcel delayed", "Parcel delayed", "Zoë Martin", "History"]),
    ("outsider", ["Parcel delayed", "History"]),
    ("editor", ["Parcel delayed"]),
    ("administrator", ["Send {number}: Parcel delayed", "Parcel delayed", "People"]),
]


@pytest.mark.parametrize(("who", "shown"), RECENT)
def test_recents_are_what_the_person_may_still_open(
    who: str,
    shown: list[str],
    world: dict[str, Any],
    browse: Callable[..., Client],
    request: pytest.FixtureRequest,
) -> None:
    references = [each.format(**world) for each in REFERENCES][:8]
    html = answer(browse(request.getfixturevalue(who)), recent=references)

    assert hits(html, "recents") == [each.format(**world) for each in shown]


def test_a_recent_leads_where_its_chat_is_now(
    world: dict[str, Any], supervisor: User, browse: Callable[..., Client]
) -> None:
    html = answer(browse(supervisor), recent=["chat:0002ENDED", "chat:0001ABCD"])

    assert HIT.findall(html)[:2] == [
        "/history/?interaction=0002ENDED",
        "/board/?q=0001ABCD#pick-0001ABCD",
    ]


@pytest.mark.parametrize(
    ("name", "kwargs", "reference"),
    [
        ("notice-detail", {"key": "parcel-delay"}, "notice:parcel-delay"),
        ("board", {}, "page:board"),
        ("send-detail", {"send_id": "SEND"}, "send:{number}"),
        ("search", {}, ""),
    ],
)
def test_a_page_says_what_it_is_as_a_recent(
    name: str,
    kwargs: dict[str, Any],
    reference: str,
    world: dict[str, Any],
    supervisor: User,
    browse: Callable[..., Client],
) -> None:
    filled = {key: world["number"] if value == "SEND" else value for key, value in kwargs.items()}
    html = browse(supervisor).get(reverse(name, kwargs=filled)).content.decode()

    assert f'data-recent="{reference.format(**world)}"' in html
