"""A client of the console's API, such as a site's workflow would have. Standard library only."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urljoin

TIMEOUT_SECONDS = 10.0
BATCH = 500


class FeedFailed(Exception):
    """The console did not accept the events; the text states why."""


class FeedRejected(FeedFailed):
    """The console would refuse the same events again."""


class Feed:
    """Sends chats to the console at `address`, with the token of an API client."""

    def __init__(self, address: str, token: str) -> None:
        self._base = urljoin(address, "/api/v1/")
        self._token = token
        # The console is on this machine, so the environment's proxies do not apply.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def tell(self, events: Iterable[dict[str, Any]]) -> None:
        """Send events; repeating them does no harm.

        Raises FeedFailed, or FeedRejected for an invalid event.
        """
        waiting = list(events)
        for start in range(0, len(waiting), BATCH):
            answer = self._call("interactions/events/", {"events": waiting[start : start + BATCH]})
            if answer["rejected"]:
                raise FeedRejected(f"The feed rejects events: {answer['rejected'][:3]}")

    def live_chats(self, chat_servers: Iterable[str]) -> list[str]:
        """Return the ids of all chats on these Chat Servers that the console considers live."""
        found: list[str] = []
        for server in chat_servers:
            url: str | None = "interactions/?" + urlencode({"chat_server": server})
            while url:
                page = self._call(url)
                found += [chat["id"] for chat in page["results"]]
                url = page["next"]
        return found

    def _call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is the demo's own
            urljoin(self._base, path),
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(500).decode(errors="replace")
            raise FeedFailed(f"The console answers {error.code} to {path}: {said}") from error
        except (OSError, ValueError) as error:
            raise FeedFailed(f"The console does not answer to {path}: {error}") from error
