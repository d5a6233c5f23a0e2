"""Which chats each part of the console takes an audience to mean."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.test import Client
from django.urls import reverse

from console.actors import Actor
from console.errors import ConsoleError
from console.interactions.audience.audience import Audience
from console.interactions.selectors import interactions_visible
from console.sends.models import Send
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.calling import Caller

ROW = re.compile(r'name="interaction"\s+value="([^"]+)"')
# How a send refuses an audience in which there is nobody.
NOBODY_THERE = "no_targets"
# The same chats, or None where the audience is refused.
Found = set[str] | None


def on_board(client: Client, text: str, **filters: str) -> set[str]:
    """What the list shows, on its first page."""
    html = client.get(reverse("board-rows"), {"audience": text, **filters}).content.decode()
    return set(ROW.findall(html))


def in_tab(client: Client, view: int) -> int | None:
    """The number on a saved view's tab; None if it says that it can't be used."""
    html = client.get(reverse("board")).content.decode()
    tab = html.split(f'data-key="view-{view}"')[1].split("</a>")[0]
    found = re.search(r'class="views__count">([\d,]+)<', tab)
    return int(found[1].replace(",", "")) if found else None


def _unless_refused(read: Callable[[], set[str]]) -> Found:
    try:
        return read()
    except ConsoleError as refusal:
        return set() if refusal.code == NOBODY_THERE else None


def by_query(actor: Actor, text: str) -> Found:
    return _unless_refused(
        lambda: {chat.pk for chat in interactions_visible(actor, Audience.from_text(text))}
    )


def in_plan(actor: Actor, notice: str, text: str) -> Found:
    """What a preview has, ready or skipped."""
    order = lambda: SendOrder(notice_key=notice, audience=Audience.from_text(text))  # noqa: E731
    return _unless_refused(
        lambda: {target.interaction_id for target in plan_send(actor, order()).targets}
    )


def in_send(actor: Actor, notice: str, text: str) -> Found:
    """What a send has deliveries for."""

    def sent() -> set[str]:
        audience = Audience.from_text(text)
        send: Send = send_create(actor, SendOrder(notice_key=notice, audience=audience))
        assert send.target == {"audience": audience.to_mapping()}
        return set(send.deliveries.values_list("interaction_id", flat=True))

    return _unless_refused(sent)


def of_board_form(text: str, notice: str = "hello", **fields: Any) -> dict[str, Any]:
    """What the compose form posts for all that the board lists by an audience."""
    filters = urlencode({"audience": text, "sort": "-waiting"})
    return {
        "everything": "1",
        "filters": filters,
        "notice": notice,
        "idempotency_key": "k1",
        **fields,
    }


def by_api(caller: Caller, text: str) -> Found:
    status, answer = caller("GET", f"interactions/?{urlencode({'audience': text})}")
    return {chat["id"] for chat in answer["results"]} if status == 200 else None
