"""Finding a notice in a real Chromium: by its shortcut, and by its star."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.pages.browsing import Desk
from tests.pages.test_in_browser import choose_chats, choose_notice, wait_for_scripts
from tests.support.axe import faults

pytestmark = pytest.mark.browser


PAGES = [
    "/notices/?show=most_used",
    "/notices/agent-soon/settings/",
    "/notices/agent-soon/compare/",
    "/categories/",
    "/categories/new/",
    "/categories/1/",
]


def test_axe_finds_nothing(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    page = desk.let_in("eddy")
    found = {}
    for path in PAGES:
        desk.go(path)
        found[path] = faults(page)
    assert {path: each for path, each in found.items() if each} == {}


def test_a_shortcut_and_enter_choose_the_notice(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    desk = sit_down()
    page = desk.let_in("sue")
    choose_chats(page, 2, q=staying)
    choose_notice(page, "/busy")
    chosen = page.locator(".picker__option:has(input:checked)")
    expect(chosen).to_contain_text("Busier than usual")
    expect(page.locator("#preview")).to_contain_text("2 ready")


def test_a_star_stays_and_brings_its_notice_to_the_top(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    page = desk.let_in("sue")
    desk.go("/notices/?q=busier")
    wait_for_scripts(page)
    star = page.get_by_role("button", name="Favourite: Busier than usual")
    expect(star).to_have_attribute("aria-pressed", "false")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(desk.address + "/notices/?q=busier")
    desk.go("/board/")
    expect(page.locator(".picker__option").first).to_contain_text("Busier than usual")
    desk.go("/notices/?show=favourites")
    wait_for_scripts(page)
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false")
