"""A real Chromium, the sessions of people who are signed in with it, and what it complains of.

Whoever drives the browser is listened to, however they opened their pages: a test fails when an
error or a warning was written to the console, a script failed, the policy forbade something, or a
file of the site could not be loaded.
"""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from console.demo.people import PASSWORD
from tests.support.demos import Demo

# The first is Chromium without a window: it needs a third less time for a page.
NAMES = (
    "chromium-headless-shell",
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
)
# The browser's own bars are pages too, each drawn by a process although nobody looks at them. The
# last time that the flag is said counts, so what Playwright has in it stands here again.
WITHOUT = (
    *("InitialWebUI", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxPopup"),
    *("WebUIReloadButton", "WebUIToolbarWebView"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("MediaRouter", "OptimizationHints", "PaintHolding", "RenderDocument", "Translate"),
)
FLAGS = (
    f"--disable-features={','.join(WITHOUT)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MILLISECONDS = 45_000  # what a busy machine may take


def chromium_path() -> str | None:
    """By the setting CHROMIUM, else the one on PATH, else (None) Playwright's own."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Complaints:
    """What the browser has complained of since the last test."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.expected: list[str] = []

    def listen(self, context: BrowserContext) -> None:
        """To all pages of it, also those that open by themselves."""
        context.on("weberror", lambda error: self.heard.append(str(error.error)))
        context.on("console", lambda said: self._hear(said.type, f"{said.text} {said.location}"))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.heard.append(text)

    def expect(self, words: str) -> None:
        """What has this in it is no fault here, such as the answer 404 to who asks for it."""
        self.expected.append(words)

    def take(self) -> list[str]:
        """Those that nobody expected. The next test starts anew."""
        unexpected = [
            text for text in self.heard if not any(words in text for words in self.expected)
        ]
        self.heard, self.expected = [], []
        return unexpected


COMPLAINTS = Complaints()


@pytest.fixture(autouse=True)
def complaints(request: pytest.FixtureRequest) -> Iterator[Complaints]:
    """Nobody has to ask for it: at the end of each test the browser had nothing to complain of."""
    if "browser" not in request.fixturenames:
        yield COMPLAINTS
        return
    chromium = request.getfixturevalue("browser")
    if not isinstance(chromium, Browser):  # some tests call another thing so
        yield COMPLAINTS
        return
    yield COMPLAINTS
    for context in chromium.contexts:  # what nobody closed may have more to say
        context.close()
    complained = COMPLAINTS.take()
    assert not complained, complained


# For a module and no longer: Playwright keeps an event loop in this thread, beside which Django
# refuses to use its database.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        chromium.on("context", COMPLAINTS.listen)
        yield chromium
        chromium.close()


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
    """With the keyboard alone; the name's field has the focus by itself."""
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Main")).to_be_attached()
    page.wait_for_load_state()  # from now on its scripts listen
