"""The main pages in a real browser: to everybody's use by axe, and as pictures to look at."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journey.conftest import Person, take_picture

pytestmark = pytest.mark.browser

# Those that tests/pages/test_in_browser.py does not look at.
PAGES = {
    "sign-in": ("", "/accounts/login/"),
    "notice": ("anna", "/notices/holiday-hours/"),
    "notice-edit": ("eddy", "/notices/summer-market/edit/"),
    "api": ("adam", "/api/v1/docs/"),
}
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_to_everybodys_use(name: str, person: Callable[..., Person]) -> None:
    who, path = PAGES[name]
    for scheme in ("light", "dark"):
        page = open_page(person(who, viewport=WIDE, color_scheme=scheme).page, path)
        take_picture(page, f"page-{name}-{scheme}")
        assert found_by_axe(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_note_to_staff_stands_out(scheme: str, person: Callable[..., Person]) -> None:
    page = open_page(person("sue", viewport=WIDE, color_scheme=scheme).page, "/board/")
    page.wait_for_load_state()
    page.get_by_label("Select all that are shown").check()
    page.locator(".picker__option").filter(has_text="Handover: call back promised").click()
    expect(page.locator("[data-send-button]:not([disabled])")).to_contain_text("Send to staff in")

    take_picture(page, f"board-staff-note-{scheme}")

    assert found_by_axe(page) == []


def test_the_board_fits_a_narrow_screen(person: Callable[..., Person]) -> None:
    page = open_page(person("sue", viewport=NARROW).page, "/board/")

    take_picture(page, "board-narrow")

    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert found_by_axe(page) == []


def open_page(page: Page, path: str) -> Page:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200
    return page


def found_by_axe(page: Page) -> list[str]:
    """What axe finds wrong, with where."""
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {violation['help']} {node['target']}"
        for violation in found
        for node in violation["nodes"]
    ]
