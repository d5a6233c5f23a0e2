"""A session's browser in words that its owner knows."""

import pytest

from console.accounts.templatetags.accounts_ui import browser


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/156.0.0.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 15.1; rv:150.0) Firefox/150.0",
            "Firefox on macOS",
        ),
        ("curl/8.9.1", "curl/8.9.1"),
        ("", "Unknown"),
    ],
)
def test_user_agents_in_words(user_agent: str, words: str) -> None:
    assert browser(user_agent) == words
