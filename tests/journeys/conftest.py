"""People who are signed in with a real Chromium."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support.browsing import WAIT_MILLISECONDS
from tests.support.demos import ROOT, Demo


@dataclass
class Person:
    """Somebody at a browser."""

    name: str
    page: Page

    def new_tab(self) -> Page:
        return self.page.context.new_page()


@pytest.fixture
def person(
    browser: Browser, demo: Demo, sessions: Callable[[str], str]
) -> Iterator[Callable[..., Person]]:
    """Somebody who is signed in ("" is nobody); keywords go to the browser."""
    contexts: list[BrowserContext] = []

    def open_browser(name: str, **options: object) -> Person:
        state = sessions(name) if name else None
        chosen = {"base_url": demo.address, "storage_state": state, **options}
        context = browser.new_context(**chosen)  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MILLISECONDS)
        contexts.append(context)
        return Person(name, context.new_page())

    yield open_browser
    for context in contexts:
        context.close()


def take_picture(page: Page, name: str) -> None:
    """Into test-results/, for people to look at."""
    # Hiding the caret would leave style attributes behind, which the page's policy forbids.
    page.screenshot(path=ROOT / "test-results" / f"{name}.png", caret="initial")
