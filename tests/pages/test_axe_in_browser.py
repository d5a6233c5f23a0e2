"""What axe finds wrong with the pages in a real Chromium, on the running demo: nothing.

And on narrow screens they scroll one way only."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.axe import faults
from tests.pages.browsing import Desk
from tests.pages.test_in_browser import (
    choose_notice,
    choose_staying,
    send_button,
    wait_for_scripts,
)

pytestmark = pytest.mark.browser

PAGES = {
    "sue": ["/board/", "/board/?q=zebra", "/sends/", "/history/", "/help/", "/no-such-page/"],
    "eddy": ["/notices/", "/notices/new/", "/presets/", "/presets/new/", "/presets/1/"],
    "anna": ["/notices/", "/sends/approvals/"],
    "audrey": ["/audit/", "/history/?q=zebra"],
    "adam": [
        *("/chat-servers/", "/chat-servers/new/", "/chat-servers/chat-east/edit/", "/sending/"),
        *("/operations/", "/webhooks/", "/webhooks/new/"),
        *("/people/", "/people/new/", "/people/1/", "/people/1/password/", "/teams/", "/teams/1/"),
        *("/api-clients/?q=zebra", "/api-clients/", "/api-clients/1/"),
    ],
}


@pytest.mark.parametrize("person", PAGES)
def test_axe_finds_nothing_and_narrow_screens_scroll_one_way_only(
    person: str, sit_down: Callable[..., Desk]
) -> None:
    desk = sit_down()
    desk.sign_in(person)
    found: dict[str, list[str]] = {}
    for path in PAGES[person]:
        desk.go(path)
        found[path] = faults(desk.page) + too_wide(desk.page)
    desk.complaints = [each for each in desk.complaints if "404 (Not Found)" not in each]

    assert {path: each for path, each in found.items() if each} == {}


def too_wide(page: Page) -> list[str]:
    """Where a narrow screen would have to scroll sideways."""
    usual = page.viewport_size
    assert usual is not None
    found = []
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 844})
        pixels = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if pixels:
            found.append(f"{pixels} px too wide for a screen of {width} px")
    page.set_viewport_size(usual)
    return found


def test_axe_finds_nothing_on_the_way_of_a_notice(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    """Compose with its preview, a send that holds, one that is over, and a delivery."""
    desk = sit_down()
    page = desk.sign_in("sue")
    choose_staying(desk, staying)
    choose_notice(page, "agent will be")
    page.locator(".presets").get_by_text("Staff only").click()
    expect(send_button(page)).to_contain_text("Send to staff in")
    assert faults(page) == []

    send_button(page).click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name="Its page").click()
    expect(page.locator(".send__state")).to_contain_text("Finished", timeout=30_000)
    assert faults(page) == []
    page.locator("#deliveries tbody a").first.click()
    expect(page.get_by_role("heading", name="The request")).to_be_visible()
    assert faults(page) == []


def test_axe_finds_nothing_on_a_first_day(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    page = desk.sign_in("adam")
    desk.go("/api-clients/new/")
    page.get_by_label("Name").fill("Night shift")
    page.get_by_label("Send notices").check()
    page.get_by_role("button", name="Create it").click()
    expect(page.get_by_role("link", name="I have it")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name="I have it").click()
    wait_for_scripts(page)
    page.get_by_role("link", name="New token").click()
    expect(page.get_by_role("dialog")).to_contain_text("The old token")
    assert faults(page) == []
    page.get_by_role("button", name="Make a new token").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("The old token ends")).to_be_visible()

    desk.go("/people/new/")
    page.get_by_label("User name").fill("nina")
    password = page.get_by_label("Password").input_value()
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nina")
    first_day = sit_down()
    first_day.go("/accounts/login/")
    first_day.page.get_by_label("Name").fill("nina")
    first_day.page.get_by_label("Password").fill(password)
    first_day.page.get_by_role("button", name="Sign in").click()
    first_day.go("/sends/")
    expect(first_day.page.get_by_role("heading", level=1)).to_have_text("Change your password")
    assert faults(first_day.page) == []
