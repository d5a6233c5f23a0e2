"""A real Chromium, and people who are signed in with it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from console.demo.people import PASSWORD
from tests.demos import ROOT, Demo

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MILLISECONDS = 20_000


def chromium_path() -> str | None:
    """By the setting CHROMIUM, else the one on PATH, else (None) Playwright's own."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


# For a module and no longer: Playwright keeps an event loop in this thread, beside which Django
# refuses to use its database.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        yield chromium
        chromium.close()


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


@pytest.fixture(scope="module")
def sessions(browser: Browser, demo: Demo) -> Callable[[str], str]:
    """The stored session of a person, who signs in once for all."""
    folder = demo.data / "sessions"
    folder.mkdir(exist_ok=True)

    def session(name: str) -> str:
        kept = folder / f"{name}.json"
        if name and not kept.exists():
            context = browser.new_context(base_url=demo.address)
            page = context.new_page()
            page.goto("/accounts/login/")
            sign_in(page, name)
            context.storage_state(path=kept)
            context.close()
        return str(kept)

    return session


def sign_in(page: Page, name: str) -> None:
    """With the keyboard alone; the name's field has the focus already."""
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Main")).to_be_attached()
    page.wait_for_load_state()  # from now on its scripts listen


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
        context = browser.new_context(base_url=demo.address, storage_state=state, **options)
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
