"""Names and other values keep to themselves: what stands beside them reads as before, whatever they
are written in, and they begin where the others in their column do."""

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.catalogue.models import CannedNotice, Category, NoticeVersion, VisibilityPreset
from console.interactions.models import Interaction
from console.sends.models import Delivery, Send, SendingStop
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder

pytestmark = pytest.mark.django_db

NAME = "שלום"  # nothing of the console's own is in Hebrew
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr", "use"}
# What has no inside that could be set apart, and what is shown as it was written.
APART = {"title", "option", "textarea", "pre", "script", "template"}
# A text that customers read, or somebody's words, may fill its block from the other side.
TEXTS = {"body-text", "prewrap", "seen__bubble", "seen__from", "chat__bubble", "attempt__answer"}


class Reader(HTMLParser):
    """`loose` is where a name stands that nothing sets apart; `jumping` what turns a whole cell or
    heading around."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.loose: list[str] = []
        self.jumping: list[str] = []
        self.found = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append((tag, given))
        classes = set((given.get("class") or "").split())
        turned = given.get("dir") == "auto" and tag not in {"bdi", "input", "textarea"}
        if turned and not classes & TEXTS:
            self.jumping.append(f"<{tag} {given}>")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _given in self.open]
        if NAME not in data or APART & set(tags):
            return
        self.found += 1
        if "bdi" not in tags and not any("dir" in given for _tag, given in self.open[2:]):
            self.loose.append(f"{' '.join(tags[-4:])}: {data.strip()[:80]}")


@pytest.fixture
def everywhere(
    supervisor: User,
    administrator: User,
    chat_server: Any,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
    team: Team,
) -> Send:
    """A send, and everything that has a name has this one."""
    Team.objects.update(name=NAME)
    User.objects.update(first_name=NAME, last_name="")
    supervisor.refresh_from_db()
    category = Category.objects.create(name=NAME, path=NAME)
    names = {"FirstName": NAME, "LastName": NAME}
    chats = [
        make_interaction(user_data=names, queue=NAME, agent=NAME).pk,
        make_interaction(user_data=names | {"IsOnline": "0"}, queue=NAME, agent=NAME).pk,
    ]
    version = make_notice("Hello.", key="hello", nickname=NAME)
    CannedNotice.objects.update(title=NAME, team=team, category=category, tags=[NAME])
    VisibilityPreset.objects.create(name=NAME, nickname=NAME, visibility="ALL", is_approved=True)
    send = send_create(
        supervisor.to_actor(),
        SendOrder(notice_key=version.notice.key, interactions=chats, why=NAME),
    )
    SendingStop.objects.create(
        reason=NAME, actor_ref="user:1", actor_name=NAME, stopped_at=send.created_at
    )
    return send


PAGES = [
    "/board/",
    "/sends/",
    "/sends/{send}/",
    "/history/",
    "/history/{delivery}/",
    "/notices/",
    "/notices/hello/",
    "/notices/hello/settings/",
    "/presets/",
    "/categories/",
    "/audit/",
    "/operations/",
    "/people/",
    "/people/{user}/",
    "/teams/",
    "/teams/{team}/",
    "/account/",
    "/sending/",
]


@pytest.fixture
def all_roles(make_user: Callable[..., User]) -> User:
    return make_user("all", *Role.values)


def test_every_name_is_set_apart(
    all_roles: User, everywhere: Send, team: Team, browse: Callable[[User], Client]
) -> None:
    known = {
        "send": everywhere.pk,
        "delivery": Delivery.objects.order_by("pk")[0].pk,
        "user": all_roles.pk,
        "team": team.pk,
    }
    client = browse(all_roles)
    wrong = []
    for address in PAGES:
        answer = client.get(address.format(**known))
        assert answer.status_code == 200, address
        reader = Reader()
        reader.feed(answer.content.decode())
        assert reader.found, address
        wrong += [f"{address} {each}" for each in reader.loose + reader.jumping]
    assert not wrong, "\n".join(wrong)
