"""Whatever a peer says, every outcome is recorded: what PostgreSQL can't hold is made readable."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DataError

from console.esp.errors import NotConnected
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import chat_server_update
from console.sends.engine import drain as drain_module
from console.sends.engine import gateway
from console.sends.engine.gateway import WORDLESS_SENTENCE
from console.sends.engine.record import drain_step
from console.sends.models import Send
from tests.support.factories import ROOT
from tests.support.orchestration import Orchestration
from tests.support.working import assert_ledger_agrees, drain, statuses

pytestmark = pytest.mark.django_db(transaction=True)

NUL = "\N{SYMBOL FOR NULL}"


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


def test_what_no_database_takes_is_recorded_without_its_words(
    chat: Callable[..., str], send_to: Callable[..., Send], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if there were something that nobody thought of: the others are not to be unknown by it."""
    ids = [chat(f"c{number}", outcome="accepted") for number in range(7)]
    ids.append(chat("odd", outcome="refused", fault_code="odd", fault_text="odd"))
    ids.append(chat("later", outcome="not_sent", fault_text="odd"))

    refused = []

    def refuse(*arguments: Any, endings: Any = (), postponements: Any = (), **options: Any) -> Any:
        if any("odd" in item.detail for item in (*endings, *postponements)):
            refused.append(len(endings))
            raise DataError("no such thing fits here")
        return drain_step(*arguments, endings=endings, postponements=postponements, **options)

    monkeypatch.setattr(drain_module, "drain_step", refuse)
    send = send_to(ids)
    drain()
    assert statuses(send) == Counter(delivered=7, failed=1, pending=1)
    odd = send.deliveries.get(interaction_id="odd")
    assert (odd.reason, odd.detail, odd.fault_code) == ("refused", WORDLESS_SENTENCE, "")
    assert len(refused) == 6  # as docs/delivery.md says
    assert_ledger_agrees()


def test_claims_that_fail_each_time_cost_no_outcome(
    chat: Callable[..., str], send_to: Callable[..., Send], monkeypatch: pytest.MonkeyPatch
) -> None:
    chat_server_update(ROOT, ChatServer.objects.get(), window=4)
    send = send_to([chat(f"c{number}", outcome="accepted") for number in range(8)])
    claims = []

    def refuse(*arguments: Any, room: int = 0, **options: Any) -> Any:
        if room:
            claims.append(room)
        if len(claims) > 1 and room:
            raise DataError("no such thing fits here")
        return drain_step(*arguments, room=room, **options)

    monkeypatch.setattr(drain_module, "drain_step", refuse)
    with pytest.raises(DataError):
        drain()
    assert statuses(send) == Counter(delivered=4, pending=4)
    assert not send.deliveries.filter(status="delivered", answer__isnull=True).exists()
    monkeypatch.undo()
    drain()
    assert statuses(send) == Counter(delivered=8)
    assert_ledger_agrees()
