"""The pages that hold, release, rename and remove a Chat Server, and those that show it."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.interactions.models import ChatServer
from console.sends.models import Delivery
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder

HELD = re.compile(r"Held since 20\d\d-\S+ \S+ UTC, by Adam: ?Certificates <b>")


def text_of(client: Client, *names: Any) -> str:
    """What a page says, in one line."""
    html = client.get(reverse(names[0], args=names[1:])).content.decode()
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", "", html)))


def at(action: str, name: str = "chat-east") -> str:
    return reverse(f"chat-server-{action}", args=[name])


def test_who_holds_it_stands_wherever_its_health_does(
    chat_server: ChatServer,
    administrator: User,
    supervisor: User,
    browse: Callable[..., Client],
) -> None:
    adam, sue = browse(administrator), browse(supervisor)
    assert "Hold chat-east?" in text_of(adam, "chat-server-hold", "chat-east")
    answer = adam.post(at("hold"), {"reason": "Certificates <b>"})
    assert answer.status_code == 302
    pages = [(sue, "chat-server-list"), (sue, "operations"), (adam, "chat-server-list")]
    for client, page in pages:
        assert HELD.search(text_of(client, page)), page
    assert HELD.search(text_of(adam, "chat-server-edit", "chat-east"))
    assert at("release") in adam.get(reverse("chat-server-list")).content.decode()
    assert at("release") not in sue.get(reverse("chat-server-list")).content.decode()

    assert adam.post(at("release")).status_code == 302
    for client, page in pages:
        assert "Held" not in text_of(client, page)
    refused = adam.post(at("release"))
    assert refused.status_code == 409
    assert "is not held" in refused.content.decode()


def test_held_it_is_not_said_to_be_tried(
    chat_server: ChatServer, administrator: User, browse: Callable[..., Client]
) -> None:
    adam = browse(administrator)
    ChatServer.objects.update(health="unhealthy", health_detail="Refused", health_since=None)
    assert "is tried until its time to live ends" in text_of(adam, "chat-server-list")
    ChatServer.objects.update(held_at=timezone.now(), held_by="Adam", held_reason="Why")
    assert "is tried until" not in text_of(adam, "chat-server-list")


def test_without_a_reason_nothing_is_held(
    chat_server: ChatServer, administrator: User, browse: Callable[..., Client]
) -> None:
    answer = browse(administrator).post(at("hold"), {"reason": " "})
    assert answer.status_code == 422
    assert "Say why: others need to know." in answer.content.decode()
    assert ChatServer.objects.get().held_at is None


def test_renamed_it_is_found_and_its_history_says_both_names(
    chat_server: ChatServer,
    administrator: User,
    supervisor: User,
    auditor: User,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    make_interaction("c1", is_online=False)
    make_notice(key="late")
    send = send_create(supervisor.to_actor(), SendOrder(notice_key="late", interactions=["c1"]))
    (delivery,) = Delivery.objects.all()
    adam, audrey = browse(administrator), browse(auditor)
    assert adam.post(at("rename"), {"name": "chat-north"}).status_code == 302
    assert "Former names:chat-east" in text_of(adam, "chat-server-edit", "chat-north")
    gone = adam.get(at("edit"))
    assert gone.status_code == 404
    assert "It is chat-north now." in gone.content.decode()
    assert delivery.chat_server_name == "chat-east"
    for page in (("delivery-detail", delivery.pk), ("send-detail", send.pk)):
        assert re.search("chat-east.{0,60}now ?chat-north", text_of(audrey, *page)), page
    for name in ("chat-east", "chat-north"):
        found = audrey.get(reverse("history"), {"chat_server": name})
        assert found.context["page"].rows, name


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("chat-east", 400, "is named chat-east already"),
        ("a/b", 400, "without a slash"),
        ("", 422, "Give the application name"),
    ],
)
def test_a_wrong_name_is_refused_in_place(
    name: str,
    status: int,
    words: str,
    chat_server: ChatServer,
    administrator: User,
    browse: Callable[..., Client],
) -> None:
    answer = browse(administrator).post(at("rename"), {"name": name})
    assert (answer.status_code, words in answer.content.decode()) == (status, True)
    assert ChatServer.objects.get().name == "chat-east"


def test_it_is_removed_when_nothing_points_to_it(
    chat_server: ChatServer,
    administrator: User,
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    adam = browse(administrator)
    chat = make_interaction("c1")
    refused = adam.post(at("remove"))
    assert refused.status_code == 409
    assert "Live chats: 1. Deliveries that wait: 0." in refused.content.decode()
    chat.delete()
    assert adam.post(at("remove")).status_code == 302
    assert not ChatServer.objects.exists()
