"""From a send to the receiver: a real Chat Server stand-in, a worker, and HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import Interaction
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.simulators import Simulator
from tests.support.working import work
from tests.webhooks.conftest import tell
from tests.webhooks.receiver import Receiver


@pytest.mark.django_db(transaction=True)
def test_a_receiver_hears_of_a_send_and_of_its_chat_server(
    simulator: Simulator,
    supervisor: User,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
    make_webhook: Any,
    receiver: Receiver,
) -> None:
    _webhook, secret = make_webhook(receiver.url)
    chats = [make_interaction().pk for _ in range(3)]
    key = make_notice("Hello").notice.key
    send = send_create(supervisor.to_actor(), SendOrder(notice_key=key, interactions=chats))
    work()  # whose own rounds may tell of it already
    tell()

    told = {got.verify(secret)["type"]: got.verify(secret)["data"] for got in receiver.received}
    assert told.pop("version.submitted") == {"notice": key, "version": 1}
    assert told == {
        "chat_server.healthy": {"chat_server": "chat-east", "health": "healthy"},
        "send.finished": {"send": send.pk, "status": "finished", "counts": {"delivered": 3}},
    }
