"""A site's first notice by API: tokens that the operator makes, a Chat Server, a published notice,
chats, sends and what became of them."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

SCOPES = {
    "setup": "admin feed",
    "author": "catalogue approve",
    "approver": "catalogue approve",
    "workflow": "send read",
}
TEXT = "One moment, please."


class Journey:
    """Calls of programs to the console at `address`; `tokens` by name."""

    def __init__(self, address: str, tokens: dict[str, str]) -> None:
        self.address = address
        self.tokens = tokens

    def call(self, who: str, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.address}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.tokens[who]}",
                "Content-Type": "application/json",
                "X-Forwarded-Proto": "https",
            },
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def register(self, name: str, url: str) -> None:
        self.call("setup", "POST", "chat-servers/", {"name": name, "url": url})

    def publish(self, key: str, *, before_approval: Callable[[str], None] | None = None) -> None:
        """A notice `key` that says TEXT; `before_approval` gets the path of its version."""
        self.call("author", "POST", "notices/", {"key": key, "kind": "message", "title": key})
        draft = {"default_locale": "en", "bodies": {"en": TEXT}}
        number = self.call("author", "POST", f"notices/{key}/versions/", draft)["number"]
        version = f"notices/{key}/versions/{number}"
        self.call("author", "POST", f"{version}/submit/")
        if before_approval is not None:
            before_approval(version)
        self.call("approver", "POST", f"{version}/approve/")

    def feed(self, chat_server: str, *chats: str) -> None:
        """Live chats of that Chat Server."""
        then = "2026-01-01T00:00:00Z"
        events = [
            {
                "type": "upsert",
                "occurred_at": then,
                "interaction": {
                    "id": chat,
                    "media_type": "chat",
                    "tenant_id": 101,
                    "state": "handling",
                    "queue": "sales",
                    "agent": "ann",
                    "received_at": then,
                    "user_data": {
                        "InteractionId": chat,
                        "IsOnline": "1",
                        "ChatServerAppName": chat_server,
                    },
                },
            }
            for chat in chats
        ]
        said = self.call("setup", "POST", "interactions/events/", {"events": events})
        assert (said["accepted"], said["rejected"]) == (len(chats), [])

    def send(self, notice: str, *chats: str) -> str:
        """The id of a new send."""
        body = {"notice": notice, "interactions": list(chats)}
        return str(self.call("workflow", "POST", "sends/", body)["id"])

    def outcomes(self, send: str) -> list[str]:
        """Of each of its deliveries."""
        found = self.call("workflow", "GET", f"sends/{send}/deliveries/")["results"]
        return [delivery["status"] for delivery in found]
