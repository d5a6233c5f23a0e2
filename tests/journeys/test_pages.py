"""The main pages in a real browser: to everybody's use by axe, and as pictures to look at."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Person, take_picture
from tests.support.axe import dark, faults

pytestmark = pytest.mark.browser

# Those that tests/pages/test_axe_in_browser.py does not look at.
PAGES = {
    "sign-in": ("", "/accounts/login/"),
    "notice": ("anna", "/notices/holiday-hours/"),
    "notice-edit": ("eddy", "/notices/summer-market/edit/"),
    "api": ("adam", "/api/v1/docs/"),
}
# Of the many calls of the API each is drawn like the others: a few of them, opened.
FEWER_CALLS = """document.querySelectorAll(".operation").forEach((one, number) => {
    if (number % 12) one.remove(); else one.open = true;
})"""
WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_to_everybodys_use(name: str, person: Callable[..., Person]) -> None:
    who, path = PAGES[name]
    page = open_page(person(who, viewport=WIDE).page, path)

    take_pictures(page, f"page-{name}")
    page.evaluate(FEWER_CALLS)

    assert faults(page) == []


def test_a_note_to_staff_stands_out(person: Callable[..., Person]) -> None:
    page = open_page(person("sue", viewport=WIDE).page, "/board/")
    page.wait_for_load_state()
    page.get_by_label("Select all that are shown").check()
    page.locator(".picker__option").filter(has_text="Handover: call back promised").click()
    expect(page.locator("[data-send-button]:not([disabled])")).to_contain_text("Send to staff in")

    take_pictures(page, "board-staff-note")

    assert faults(page) == []


def test_the_board_fits_a_narrow_screen(person: Callable[..., Person]) -> None:
    page = open_page(person("sue", viewport=NARROW).page, "/board/")

    take_picture(page, "board-narrow")

    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert faults(page) == []


def open_page(page: Page, path: str) -> Page:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200
    return page


def take_pictures(page: Page, name: str) -> None:
    take_picture(page, f"{name}-light")
    with dark(page):
        take_picture(page, f"{name}-dark")
