"""The affinity cookie of Orchestration Server for each session (docs/orchestration.md).

It routes a session's requests to the node that runs it. It outlives the channel, which is replaced
after a failure; it does not outlive the process.
"""

from collections import OrderedDict
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie

COOKIE = "ORSSESSIONID"
MOST = 20_000  # sessions; the one unused for longest goes first
VALUE_MOST = 512  # characters


class Affinity:
    """Cookies by session, of one Orchestration address."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, str] = OrderedDict()

    def header(self, session: str) -> dict[str, str]:
        """Return the headers that route to the session's node; none if it is not known."""
        value = self._values.get(session)
        return {"Cookie": f"{COOKIE}={value}"} if value else {}

    def learn(self, session: str, set_cookies: Iterable[str]) -> None:
        """Store the newest cookie that an answer set. An empty one removes it."""
        for text in set_cookies:
            value = _value(text)
            if value is None:
                continue
            self.forget(session)
            if value:
                self._values[session] = value
        while len(self._values) > MOST:
            self._values.popitem(last=False)

    def forget(self, session: str) -> None:
        """Remove a session that its node does not know any more."""
        self._values.pop(session, None)


_known: dict[str, Affinity] = {}


def affinity_of(address: str) -> Affinity:
    """Return an address's cookies, which live as long as the process."""
    return _known.setdefault(address, Affinity())


def _value(set_cookie: str) -> str | None:
    """Return the affinity cookie's value as it was sent; None for another cookie."""
    try:
        morsel = SimpleCookie(set_cookie).get(COOKIE)
    except CookieError:
        return None
    if morsel is None or len(morsel.coded_value) > VALUE_MOST:
        return None
    return "" if morsel["max-age"] == "0" else morsel.coded_value
