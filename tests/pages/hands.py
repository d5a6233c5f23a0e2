"""The two ways to use a page, which a test tries one after the other: by mouse, and by keyboard
alone."""

from typing import Any

from playwright.sync_api import Page, expect


class Mouse:
    """Clicks. `actions` are what a person did."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def press(self, role: Any, name: str) -> None:
        self.actions += 1
        self.page.get_by_role(role, name=name).first.click()

    def fill(self, label: str, text: str) -> None:
        self.actions += 1
        self.page.get_by_label(label).fill(text)


class Keyboard(Mouse):
    """Tab, Enter and typing: no mouse."""

    def press(self, role: Any, name: str) -> None:
        self.actions += 1
        self._go_to(self.page.get_by_role(role, name=name).first)
        self.page.keyboard.press("Enter")

    def fill(self, label: str, text: str) -> None:
        self.actions += 1
        self._go_to(self.page.get_by_label(label))
        self.page.keyboard.type(text)

    def _go_to(self, wanted: Any) -> None:
        expect(wanted).to_be_visible()
        for _each in range(150):
            if wanted.evaluate("(element) => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not come to {wanted}")
