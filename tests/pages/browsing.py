"""A real Chromium for the tests that need one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from console.demo.people import PASSWORD

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK = {"width": 1440, "height": 900}


def _program() -> str | None:
    """The setting CHROMIUM, one on PATH, or none: then Playwright takes its own."""
    on_path = (shutil.which(name) for name in NAMES)
    return os.environ.get("CHROMIUM") or next(filter(None, on_path), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Desk:
    """One person at one screen. `complaints` is what the browser said against the pages."""

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.address = address.rstrip("/")
        self.complaints: list[str] = []
        self.context = browser.new_context(**{"viewport": DESK, **context})
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._hear(message.type, message.text))
        return page

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def sign_in(self, username: str) -> Page:
        page = self.page
        page.goto(f"{self.address}/accounts/login/")
        page.get_by_label("Name").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#nav")).to_be_attached()
        return page

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)
