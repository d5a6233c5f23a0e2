"""The model of the database keeps PostgreSQL's promises: same histories, same results and rows."""

import os
from collections.abc import Callable

import pytest
from django.db import connection

from console.accounts.models import User
from console.catalogue.models import NoticeClass
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import chat_server_create, chat_server_update
from console.sends.evidence_models import Evidence
from console.sends.models import (
    Claim,
    Delivery,
    LateAnswer,
    Outbox,
    Send,
    SendingStop,
    SendOutcome,
)
from tests.simulate.histories import History, our_clock, set_back
from tests.support.factories import ROOT, make_send
from tools.simulate.planted import PLANTED

pytestmark = pytest.mark.django_db(transaction=True)

HISTORIES = int(os.environ.get("SIMULATE_HISTORIES", "4"))
DEEDS = 70
EVERY = [f"h{index:02}" for index in range(14)]
# The chats of each send, and its notice, which is called by its class.
CHOSEN = (
    (EVERY, "routine"),
    (EVERY[:6], "routine"),
    (EVERY[5:6], "important"),
    (EVERY[3:4], "routine"),
    (EVERY[2:9], "safety"),
    (EVERY[4:12], "important"),
)
ROWS = (Evidence, LateAnswer, SendOutcome, Claim, Outbox, Delivery, SendingStop, Send)
# Planted in what the model says of SQL, so PostgreSQL does otherwise.
IN_THE_MODEL = ("epoch_ignored", "lock_ignored", "pace_ignored", "oldest_send_first")


@pytest.fixture
def begin(
    chat_server: ChatServer,
    supervisor: User,
    make_interaction: Callable[..., object],
    make_notice: Callable[..., object],
) -> Callable[[], None]:
    """Puts six sends to chats at two Chat Servers in the place of what is there."""
    chat_server_update(ROOT, chat_server, pace_per_second=5, burst=6)
    chat_server_create(ROOT, name="chat-west", url="esp+json://127.0.0.1:9", pace_per_second=50)
    for name in NoticeClass.values:
        make_notice(key=name, notice_class=name)
    servers = dict.fromkeys(EVERY, "chat-east") | dict.fromkeys(EVERY[3::4], "chat-west")
    for pk, name in servers.items():
        make_interaction(pk, user_data={"ChatServerAppName": name})

    def begin() -> None:
        set_back()
        deletes = "; ".join(f'DELETE FROM "{row._meta.db_table}"' for row in ROWS)
        with connection.cursor() as cursor:
            cursor.execute(f"SET session_replication_role = replica; {deletes}")
            cursor.execute("SET session_replication_role = DEFAULT")
        for pk, name in servers.items():
            Interaction.objects.filter(pk=pk).update(is_online=True, chat_server_name=name)
        ChatServer.objects.update(
            held_at=None, retry_at=None, drain_holder=None, drain_renewed_at=None, drain_epoch=0
        )
        for chosen, name in CHOSEN:
            make_send(supervisor, name, chosen)

    return begin


def compare(begin: Callable[[], None], histories: int) -> None:
    with our_clock():
        for seed in range(1, histories + 1):
            begin()
            History(seed).run(DEEDS)


def test_the_model_does_what_postgresql_does(begin: Callable[[], None]) -> None:
    compare(begin, HISTORIES)


@pytest.mark.parametrize("name", IN_THE_MODEL)
def test_a_model_that_promises_something_else_is_found(
    begin: Callable[[], None], name: str
) -> None:
    with PLANTED[name](), pytest.raises(AssertionError):
        compare(begin, 30)
