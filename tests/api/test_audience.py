"""The audience language by API."""

from collections.abc import Callable
from typing import Any

import pytest

from console.interactions.models import ChatServer, Interaction
from console.sends.models import Send

Make = Callable[..., Interaction]


@pytest.fixture
def chats(make_interaction: Make, chat_server: ChatServer) -> None:
    make_interaction("gold", queue="sales", user_data={"Plan": "gold"})
    make_interaction("silver", queue="sales", user_data={"Plan": "silver"})
    make_interaction("other", queue="billing", user_data={"Plan": "gold"})


def test_a_send_to_an_audience(almighty: Any, make_notice: Callable[..., Any], chats: None) -> None:
    make_notice("Hello.", key="hello")
    audience = {"queue": "sales", "data": {"Plan": ["gold", "silver"]}, "not": {"id": "silver"}}
    body = {"notice": "hello", "audience": audience}
    preview = almighty.post("sends/preview/", body, status=200)
    assert [target["interaction"] for target in preview["targets"]] == ["gold"]
    answer = almighty.post("sends/", body)
    assert answer["counts"]["total"] == 1
    # Said as it is stored: the same audience, and a member for each condition.
    written = answer["target"]["audience"]
    assert Send.objects.get().target == {"audience": written}
    again = almighty.post("sends/preview/", {"notice": "hello", "audience": written}, status=200)
    assert [target["interaction"] for target in again["targets"]] == ["gold"]


def test_a_list_by_the_text_form(almighty: Any, chats: None) -> None:
    def listed(query: str) -> set[str]:
        return {chat["id"] for chat in almighty.get(f"interactions/?{query}")["results"]}

    assert listed("audience=data.Plan:gold") == {"gold", "other"}
    assert listed("queue=sales&audience=data.Plan:gold") == {"gold"}
    assert listed("audience=everyone") == {"gold", "silver", "other"}


@pytest.mark.parametrize(
    "audience",
    [{}, {"queue": ""}, {"data": {"Plan": []}}, {"planet": "earth"}, {"everyone": False}],
)
def test_an_unfilled_audience_is_never_everybody(
    almighty: Any, make_notice: Callable[..., Any], chats: None, audience: dict[str, Any]
) -> None:
    make_notice("Hello.", key="hello")
    for address in ("sends/", "sends/preview/"):
        response = almighty.raw("POST", address, {"notice": "hello", "audience": audience})
        assert response.status_code == 400
        assert response.json()["code"] in ("invalid_audience", "invalid_input")
    both = {"notice": "hello", "audience": {"everyone": True}, "filter": {"all": True}}
    assert almighty.raw("POST", "sends/", both).json()["code"] == "no_targets"
    assert almighty.raw("GET", "interactions/?audience=queue:").status_code == 400
    assert not Send.objects.exists()
