"""Whatever a peer says, every outcome is recorded: what PostgreSQL can't hold is made readable."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from console.esp.errors import NotConnected
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import chat_server_update
from console.sends import gateway
from console.sends.models import Send
from tests.conftest import ROOT
from tests.orchestration import Orchestration, running_orchestration
from tests.sends.drains import assert_ledger_agrees, drain, statuses

pytestmark = pytest.mark.django_db(transaction=True)

NUL = "\N{SYMBOL FOR NULL}"


@pytest.fixture
def ors(chat_server: ChatServer) -> Iterator[Orchestration]:
    with running_orchestration() as running:
        chat_server_update(ROOT, chat_server, url=running.url)
        yield running


@pytest.fixture
def chat(ors: Orchestration, make_interaction: Callable[..., Interaction]) -> Callable[..., str]:
    """A chat whose session answers that."""

    def make(id: str, **answer: Any) -> str:
        session = ors.start({}, lambda asked: answer)
        user_data = {"FirstName": "Zoë", "OrsSessionId": session.id}
        return make_interaction(id, user_data=user_data).pk

    return make


@pytest.mark.parametrize(
    ("outcome", "status"), [("not_sent", "pending"), ("unknown", "unknown"), ("refused", "failed")]
)
def test_one_odd_text_costs_no_other_delivery_its_outcome(
    chat: Callable[..., str], send_to: Callable[..., Send], outcome: str, status: str
) -> None:
    ids = [chat(f"c{number}", outcome="accepted") for number in range(7)]
    ids.append(chat("odd", outcome=outcome, fault_code="\0", fault_text="a\0b"))
    send = send_to(ids)
    drain()
    assert statuses(send) == Counter({"delivered": 7, status: 1})
    odd = send.deliveries.get(interaction_id="odd")
    assert odd.status == status
    assert f"a{NUL}b (fault code {NUL})" in odd.detail
    if outcome != "refused":
        assert f"a{NUL}b" in ChatServer.objects.get().health_detail
    assert_ledger_agrees()


@pytest.mark.parametrize("error", [NotConnected, RuntimeError])
def test_an_odd_reason_for_no_connection_is_kept(
    chat_server: ChatServer,
    chats: Callable[[int], list[str]],
    send_to: Callable[..., Send],
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    async def open_channel(*_arguments: Any, **_options: Any) -> None:
        raise error("No way to a\0b \ud800.")

    monkeypatch.setattr(gateway, "open_channel", open_channel)
    send = send_to(chats(2))
    drain()
    assert statuses(send) == Counter(pending=2)
    assert f"No way to a{NUL}b ?." in ChatServer.objects.get().health_detail
