"""What is done with a Chat Server by API: held, released, renamed, removed."""

from console.interactions.models import ChatServer
from tests.support.calling import Caller


def test_it_is_held_renamed_released_and_removed(almighty: Caller, chat_server: ChatServer) -> None:
    held = almighty.post("chat-servers/chat-east/hold/", {"reason": "Certificates"}, status=200)
    assert held["held_reason"] == "Certificates"
    assert held["held_at"]
    assert held["held_by"]
    assert almighty.get("chat-servers/chat-east/") == held
    again = almighty.raw("POST", "chat-servers/chat-east/hold/", {"reason": "Again"})
    assert (again.status_code, again.json()["code"]) == (409, "chat_server_held")
    renamed = almighty.post("chat-servers/chat-east/rename/", {"name": "chat-north"}, status=200)
    assert (renamed["name"], renamed["former_names"]) == ("chat-north", ["chat-east"])
    gone = almighty.raw("GET", "chat-servers/chat-east/").json()
    assert (gone["code"], gone["details"]) == ("chat_server_renamed", {"name": "chat-north"})
    released = almighty.post("chat-servers/chat-north/release/", None, status=200)
    assert (released["held_at"], released["held_by"], released["held_reason"]) == (None, "", "")
    seen = almighty.raw("GET", "chat-servers/chat-north/").headers["ETag"]
    almighty.raw("PATCH", "chat-servers/chat-north/", {"window": 7})
    refused = almighty.raw("DELETE", "chat-servers/chat-north/", If_Match=seen)
    assert refused.status_code == 412
    assert almighty.raw("DELETE", "chat-servers/chat-north/").status_code == 204
    assert almighty.get("chat-servers/")["results"] == []
