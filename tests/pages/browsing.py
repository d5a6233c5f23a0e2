"""Somebody at a browser, at the demo."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Response, expect

from console.demo.people import PASSWORD
from tests.support.browsing import COMPLAINTS

DESK = {"width": 1440, "height": 900}


class Desk:
    """One person at one screen."""

    def __init__(
        self, browser: Browser, address: str, sessions: Callable[[str], str], **context: Any
    ) -> None:
        self.address = address.rstrip("/")
        self.context = browser.new_context(
            **{"viewport": DESK, "base_url": self.address, **context}
        )
        self.page = self.open()
        self._sessions = sessions

    @property
    def complaints(self) -> list[str]:
        """What the browser complained of in this test so far, here and elsewhere."""
        return COMPLAINTS.heard

    @complaints.setter
    def complaints(self, left: list[str]) -> None:
        COMPLAINTS.heard = left

    def open(self) -> Page:
        return self.context.new_page()

    def let_in(self, username: str) -> Page:
        """With the session that this person has had for a while. No page is opened for it."""
        kept = json.loads(Path(self._sessions(username)).read_text())
        self.context.add_cookies(kept["cookies"])
        return self.page

    def sign_in(self, username: str) -> Page:
        """The same, and the first page is open."""
        self.let_in(username)
        self.go("/")
        expect(self.page.locator("#nav")).to_be_attached()
        return self.page

    def sign_in_anew(self, username: str) -> Page:
        page = self.page
        self.go("/accounts/login/")
        page.get_by_label("Name").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#nav")).to_be_attached()
        return page

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)


def listen_for_failures(desk: Desk) -> list[str]:
    """Answers with an error, of the site itself."""
    failed: list[str] = []
    host = urlsplit(desk.address).netloc

    def hear(response: Response) -> None:
        if response.status >= 400 and urlsplit(response.url).netloc == host:
            failed.append(f"{response.status} {response.url}")

    desk.context.on("response", hear)
    return failed


def look_at(desk: Desk, path: str, failed: list[str]) -> list[str]:
    """What is wrong with one page."""
    failed.clear()
    page = desk.page
    answer = page.goto(desk.address + path, wait_until="load")
    found = list(failed)
    assert answer is not None
    # A thing in another state answers that nothing can be done: a page all the same.
    if answer.status >= 400:
        found.append(f"it answers {answer.status}")
    if not page.title().replace("· Notice Console", "").strip():
        found.append("it has no title")
    headings = page.locator("h1").count()
    if headings != 1:
        found.append(f"it has {headings} headings of the first level")
    return found
