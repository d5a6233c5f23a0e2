"""Somebody at a browser, at the demo."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from console.demo.people import PASSWORD
from tests.support.browsing import COMPLAINTS

DESK = {"width": 1440, "height": 900}


class Desk:
    """One person at one screen."""

    def __init__(
        self, browser: Browser, address: str, sessions: Callable[[str], str], **context: Any
    ) -> None:
        self.address = address.rstrip("/")
        self.context = browser.new_context(**{"viewport": DESK, **context})
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

    def sign_in(self, username: str) -> Page:
        """On the first page, with the session that this person has had for a while."""
        kept = json.loads(Path(self._sessions(username)).read_text())
        self.context.add_cookies(kept["cookies"])
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
