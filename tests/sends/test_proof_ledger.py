"""What ended together stands in one entry of the ledger."""

from console.sends.proof import ledger
from console.sends.proof.ledger import deliveries_ended, ended_delivery

EAST = (7, "delivered", "chat-east", "Message", "ALL")
WEST = (7, "delivered", "chat-west", "Message", "ALL")


def said(number: int, **more):
    return ended_delivery(
        pk=number, interaction_id=f"chat{number}", attempts=1, body="", body_salt="", **more
    )


def test_deliveries_of_one_send_chat_server_and_outcome_make_one_entry():
    first, other, second = said(1), said(2), said(3)
    east, west = deliveries_ended([(EAST, first), (WEST, other), (EAST, second)])
    assert east.action == "deliveries.delivered"
    assert east.target == ("send", 7, "send 7")
    assert east.data == {
        "chat_server": "chat-east",
        "method": "Message",
        "visibility": "ALL",
        "deliveries": [first, second],
    }
    assert west.data["deliveries"] == [other]


def test_an_entry_has_no_more_than_a_person_can_look_at(monkeypatch):
    monkeypatch.setattr(ledger, "DELIVERIES_AN_ENTRY", 2)
    entries = list(deliveries_ended((EAST, said(number)) for number in range(5)))
    ids = [[item["id"] for item in entry.data["deliveries"]] for entry in entries]
    assert ids == [[0, 1], [2, 3], [4]]


def test_a_text_is_there_as_a_salted_digest_alone():
    told = ended_delivery(
        pk=1, interaction_id="chat1", attempts=2, body="Hello Zoë", body_salt="pepper"
    )
    assert "Hello" not in str(told)
    assert len(told["text_sha256"]) == 64
    other = ended_delivery(pk=1, interaction_id="chat1", attempts=2, body="Hello Zoë", body_salt="")
    assert other["text_sha256"] != told["text_sha256"]


def test_what_there_is_nothing_of_is_left_out():
    assert said(1) == {"id": 1, "interaction": "chat1", "attempts": 1}
    assert said(1, reason="refused", reference_id=9, fault_code="17") == {
        "id": 1,
        "interaction": "chat1",
        "attempts": 1,
        "reason": "refused",
        "reference_id": 9,
        "fault_code": "17",
    }
