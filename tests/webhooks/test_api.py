"""Programs look after webhooks by API."""

from typing import Any

import pytest

from console.webhooks import signing
from console.webhooks.models import Message, Webhook
from tests.support.calling import Caller, by_token
from tests.support.factories import PUBLIC

pytestmark = pytest.mark.django_db
NEW = {"name": "CRM", "url": PUBLIC, "events": ["send.finished"]}


@pytest.fixture
def call(make_client: Any) -> Caller:
    return by_token(make_client("admin")[1])


def test_a_webhook_from_its_beginning_to_its_end(call: Caller) -> None:
    made = call.post("webhooks/", NEW)
    assert signing.unsealed(Webhook.objects.get().secret) == made["secret"]
    path = f"webhooks/{made['id']}/"
    read = call.get(path)
    assert "secret" not in read
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert (read["waiting"], read["last_taken_at"], read["last_problem"]) == (0, None, "")

    status, changed = call("PATCH", path, {"enabled": False})
    assert (status, changed["enabled"]) == (200, False)
    assert call.post(f"{path}test/", status=409)["code"] == "webhook_disabled"
    call("PATCH", path, {"enabled": True})

    rotated = call.post(f"{path}rotate-secret/", {"overlap_seconds": 3600}, status=200)
    assert rotated["secret"] != made["secret"]
    assert rotated["old_secret_until"] is not None

    sent = call.post(f"{path}test/")
    assert (sent["type"], sent["status"], sent["attempts"]) == ("webhook.test", "waiting", [])
    again = f"{path}messages/{sent['id']}/redeliver/"
    assert call.post(again, status=409)["code"] == "message_waiting"
    Message.objects.update(status="given_up", ended_at=sent["occurred_at"])
    assert call.get(f"{path}messages/{sent['id']}/")["next_at"] is None
    assert call.post(again, status=200)["status"] == "waiting"
    assert [each["id"] for each in call.get(f"{path}messages/")["results"]] == [sent["id"]]
    assert call.get(f"{path}messages/?status=taken")["results"] == []

    assert call("DELETE", path)[0] == 204
    assert call("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"url": "https://[::ffff:10.0.0.1]/"}, "webhook_address_refused"),
        ({"url": "http://1.1.1.1/"}, "https_required"),
        ({"url": "https://a@1.1.1.1/"}, "invalid_webhook_url"),
        ({"events": ["send.finished", "no.such"]}, "unknown_event"),
        ({"events": []}, "invalid_input"),
        ({"name": ""}, "invalid_input"),
        ({"secret": "whsec_mine"}, "invalid_input"),
    ],
)
def test_what_is_wrong_is_named(call: Caller, changes: dict[str, Any], code: str) -> None:
    status, answer = call("POST", "webhooks/", {**NEW, **changes})
    assert (status, answer["code"]) == (400, code), answer


def test_overlaps_are_none_an_hour_or_a_day(call: Caller) -> None:
    made = call.post("webhooks/", NEW)
    path = f"webhooks/{made['id']}/rotate-secret/"
    for overlap in (-1, 1, 86_401, 10**30, "3600", None, True):
        assert call("POST", path, {"overlap_seconds": overlap})[0] == 400, overlap
    assert call("POST", path, {})[0] == 400
    assert call("GET", f"webhooks/{made['id']}/messages/?status=none")[0] == 400
