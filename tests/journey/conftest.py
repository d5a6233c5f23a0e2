"""People who are signed in with a real Chromium."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.browsing import WAIT_MILLISECONDS
from tests.demos import ROOT, Demo


@dataclass
class Person:
    """Somebody at a browser. `complaints` is what the browser found wrong with the pages."""

    name: str
    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listen_to(self.page)

    def listen_to(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location}")

    def new_tab(self) -> Page:
        page = self.page.context.new_page()
        self.listen_to(page)
        return page


@pytest.fixture
def person(
    browser: Browser, demo: Demo, sessions: Callable[[str], str]
) -> Iterator[Callable[..., Person]]:
    """Somebody who is signed in ("" is nobody); keywords go to the browser. At the end the browser
    must have had nothing to complain about: no error in a script, nothing that the policy forbade.
    """
    people: list[Person] = []
    contexts: list[BrowserContext] = []

    def open_browser(name: str, **options: object) -> Person:
        state = sessions(name) if name else None
        chosen = {"base_url": demo.address, "storage_state": state, **options}
        context = browser.new_context(**chosen)  # type: ignore[arg-type]
        context.set_default_timeout(WAIT_MILLISECONDS)
        contexts.append(context)
        people.append(Person(name, context.new_page()))
        return people[-1]

    yield open_browser
    complaints = {person.name: person.complaints for person in people if person.complaints}
    for context in contexts:
        context.close()
    assert complaints == {}


def take_picture(page: Page, name: str) -> None:
    """Into test-results/, for people to look at."""
    # Hiding the caret would leave style attributes behind, which the page's policy forbids.
    page.screenshot(path=ROOT / "test-results" / f"{name}.png", caret="initial")
