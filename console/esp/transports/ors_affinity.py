"""The affinity cookie of Orchestration Server, kept for each session (docs/orchestration.md).

It leads a session's requests to the node that runs it. It outlives the channel, which is replaced
after a failure; it does not outlive the process.
"""

from collections import OrderedDict
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie

COOKIE = "ORSSESSIONID"
MOST = 20_000  # sessions; the one that was silent for longest goes first
VALUE_MOST = 512  # characters


class Affinity:
    """Cookies by session, of one Orchestration address."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._values: OrderedDict[str, str] = OrderedDict()

    def header(self, session: str) -> dict[str, str]:
        """What leads to the session's node, as headers; nothing if that is not known."""
        value = self._values.get(session)
        return {"Cookie": f"{COOKIE}={value}"} if value else {}

    def learn(self, session: str, set_cookies: Iterable[str]) -> None:
        """Keep the newest cookie that an answer set. One that is emptied is forgotten."""
        for text in set_cookies:
            value = _value(text)
            if value is None:
                continue
            self.forget(session)
            if value:
                self._values[session] = value
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def forget(self, session: str) -> None:
        """The node does not know the session any more."""
        self._values.pop(session, None)


_known: dict[str, Affinity] = {}


def affinity_of(address: str) -> Affinity:
    """The one of an address, for as long as the process lives."""
    return _known.setdefault(address, Affinity())


def _value(set_cookie: str) -> str | None:
    """The affinity cookie's value as it was sent; None if this is another cookie."""
    try:
        morsel = SimpleCookie(set_cookie).get(COOKIE)
    except CookieError:
        return None
    if morsel is None or len(morsel.coded_value) > VALUE_MOST:
        return None
    return "" if morsel["max-age"] == "0" else morsel.coded_value
