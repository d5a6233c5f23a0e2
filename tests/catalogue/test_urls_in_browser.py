"""A URL that is accepted leads a real browser to the host that was checked, and to no other."""

import os
import random

import pytest
from playwright.sync_api import Browser

from console.catalogue.templating.push_urls import check_push_url, shown_host
from console.errors import InvalidInput
from tests.catalogue.test_push_urls import REFUSED

pytestmark = pytest.mark.browser

SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
PIECES = [
    *("İ", "ı"),
    *("example", "com", ".", ".", "..", "-", "--", "_", "xn--", "bcher-kva", "www", "0x7f", "127"),
    *("1", "256", "08", "[", "]", "::1", "%2e", "%41", "@", ":", ":80", ":0443", "/", "//", "\\"),
    *(
        "?",
        "#",
        ";",
        "&",
        "=",
        "bücher",
        "straße",
        "İ",
        "ı",
        "ſ",
        "K",
        "例え",
        "。",
        "．",
        "｡",
        "／",
    ),
    *("ｅ", "ⓔ", "ﬁ", "а", "о", "ο", "ا", "א", "١", "\u0301", "\u00ad", "\u200d", "\ufe0f", "😀"),
    *("\t", "\n", " ", "user", "javascript:", "{", "|", "^", "'", "*", "~", "!", "$", ",", "+"),
]
READ = """urls => urls.map(url => {
    try { const read = new URL(url); return [read.protocol, read.hostname, read.username] }
    catch { return null }
})"""


def urls() -> list[str]:
    drawn = random.Random(SEED)
    made = [
        drawn.choice(["https://", "http://", "HTTPS://", "https:/", "https:\\\\", "//"])
        + "".join(drawn.choices(PIECES, k=drawn.randrange(1, 7)))
        + drawn.choice(["", "/", "/path", "?q", "#f", ".com/"])
        for _ in range(6000)
    ]
    return [*made, *REFUSED.values()]


def is_accepted(url: str) -> bool:
    try:
        check_push_url(url)
    except InvalidInput:
        return False
    return True


def test_the_browser_goes_to_the_host_that_was_checked(browser: Browser) -> None:
    accepted = [url for url in urls() if is_accepted(url)]
    assert len(accepted) > 100
    page = browser.new_page()
    read = page.evaluate(READ, accepted)
    page.close()
    for url, seen in zip(accepted, read, strict=True):
        host = shown_host(url)
        assert host is not None
        assert seen is not None, (url, SEED)
        protocol, name, user = seen
        assert protocol in ("http:", "https:"), (url, SEED)
        assert name.strip("[]") == host.ascii, (url, SEED)
        assert user == "", (url, SEED)
