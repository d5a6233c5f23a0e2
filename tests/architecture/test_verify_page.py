"""static/verify-delivery.html: the one file of the project with a script and a style inside it.

All other pages get theirs from files, since the console's policy allows nothing else. This one is
opened from a disk, where there are no other files. Its own policy names the digests of both."""

import re

from tests.support.page_policy import PAGE, POLICY, inside, policy_of

# The name of a kind of element, which nobody requests.
NAMES = {"http://www.w3.org/2000/svg"}
MOST_BYTES = 80 * 1024


def text() -> str:
    return PAGE.read_text("utf-8")


def test_its_policy_allows_what_is_in_it_alone() -> None:
    """If not: python -m tests.support.page_policy."""
    (found,) = POLICY.findall(text())
    assert found[1] == policy_of(text())
    # Before anything that it is to hold for.
    assert text().index(found[0]) < text().index("<style>") < text().index("<script>")


def test_it_refers_to_nothing_else() -> None:
    assert set(re.findall(r"\w+://[^\s\"'`)]*", text())) == NAMES
    markup = re.sub(r"<(script|style)>.*?</\1>", "", text(), flags=re.DOTALL)
    assert re.findall(r"\s(?:src|href|srcset|action|style|on\w+)=", markup) == []
    assert re.findall(r"url\(|@import|@font-face", inside(text(), "style")) == []
    script = inside(text(), "script")
    forbidden = (
        r"\b(?:fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import|eval|Function|open"
        r"|localStorage|sessionStorage|cookie|innerHTML|outerHTML|insertAdjacentHTML|write"
        r"|crypto)\s*[.(=]"
    )
    assert re.findall(forbidden, script) == []


def test_it_is_short_enough_to_be_read() -> None:
    assert len(text().encode()) < MOST_BYTES
    assert [line for line in inside(text(), "script").splitlines() if len(line) > 130] == []
