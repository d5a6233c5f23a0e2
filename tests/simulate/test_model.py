"""The model of the database keeps PostgreSQL's promises: same histories, same results and rows."""

import os
from collections.abc import Callable

import pytest
from django.db import transaction

from console.interactions.models import ChatServer
from console.interactions.services import chat_server_create, chat_server_update
from console.sends.models import Send
from tests.simulate.histories import History, our_clock
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

HISTORIES = int(os.environ.get("SIMULATE_HISTORIES", "5"))
DEEDS = 70


@pytest.fixture
def sends(
    chat_server: ChatServer,
    make_interaction: Callable[..., object],
    make_send: Callable[..., Send],
) -> list[Send]:
    """Five sends, to chats at two Chat Servers."""
    chat_server_update(ROOT, chat_server, pace_per_second=5, burst=6)
    chat_server_create(ROOT, name="chat-west", url="esp+json://127.0.0.1:9", pace_per_second=50)
    for index in range(14):
        name = "chat-west" if index % 4 == 3 else "chat-east"
        make_interaction(f"h{index:02}", user_data={"ChatServerAppName": name})
    every = [f"h{index:02}" for index in range(14)]
    return [make_send(chosen) for chosen in (every, every[:6], every[5:6], every[3:4], every[2:9])]


def test_the_model_does_what_postgresql_does(sends: list[Send]) -> None:
    with our_clock():
        for seed in range(1, HISTORIES + 1):
            with transaction.atomic():
                History(seed).run(DEEDS)
                transaction.set_rollback(True)
