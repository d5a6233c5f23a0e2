"""Search everything in a real Chromium: by keyboard, over slow and lost answers, on a phone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.pages.browsing import Desk
from tests.pages.test_in_browser import wait_for_scripts
from tests.support.axe import faults
from tests.support.browsing import Complaints

pytestmark = pytest.mark.browser

NARROW = {"width": 390, "height": 844}


def box(page: Page) -> Any:
    return page.locator("#jump").get_by_role("combobox")


def options(page: Page) -> Any:
    return page.locator("#jump [role=option]")


def open_box(page: Page) -> None:
    wait_for_scripts(page)
    page.keyboard.press("Control+k")
    expect(box(page)).to_be_focused()


def search(page: Page, words: str) -> None:
    """And wait for the answer to just that."""
    with page.expect_response(lambda answer: "/search/?" in answer.url and "q=" in answer.url):
        box(page).fill(words)
    expect(page.locator("#jump-list[aria-busy]")).to_have_count(0)


def test_by_keyboard_alone_and_back_to_where_it_was(sit_down: Callable[..., Desk]) -> None:
    page = sit_down().sign_in("sue")
    wait_for_scripts(page)
    page.get_by_label("Narrow the notices").fill("half a wor")
    page.keyboard.press("ArrowLeft")

    open_box(page)
    search(page, "/soon")
    first = options(page).first
    expect(first).to_contain_text("An agent will be with you shortly")
    expect(first).to_have_attribute("aria-selected", "true")
    assert box(page).get_attribute("aria-activedescendant") == first.get_attribute("id")
    page.keyboard.press("ArrowDown")
    expect(options(page).nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(options(page).last).to_have_attribute("aria-selected", "true")
    expect(page.locator("#jump [role=status]")).to_have_text(re.compile(r"^\d+ found$"))
    page.keyboard.press("Escape")

    expect(page.locator("#jump")).to_be_hidden()
    expect(page.get_by_label("Narrow the notices")).to_be_focused()
    page.keyboard.type("X")
    expect(page.get_by_label("Narrow the notices")).to_have_value("half a woXr")

    # Typed at once and entered before any answer is there: the answer opens, not what was shown.
    page.keyboard.press("Control+k")
    page.keyboard.type("/soon")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/notices/agent-soon/$"))
    open_box(page)
    search(page, "help")
    with page.context.expect_page() as opened:
        page.keyboard.press("Control+Enter")
    expect(opened.value).to_have_url(re.compile(r"/help/$"))
    expect(box(page)).to_be_focused()


def test_a_chat_is_found_on_the_board_and_a_notice_is_chosen_there(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    page = sit_down().sign_in("sue")
    open_box(page)
    search(page, f"stay 0 {staying}")
    expect(options(page).first).to_contain_text("Stay 0 Awhile")
    page.keyboard.press("Enter")
    expect(page.locator("#board-rows tbody tr")).to_have_count(1)
    box_of_chat = page.locator("#board-rows .pick")
    expect(box_of_chat).to_be_focused()
    expect(box_of_chat).not_to_be_checked()

    open_box(page)
    search(page, "/soon")
    page.get_by_role("option", name="Send “An agent will be with you shortly”").click()
    expect(page).to_have_url(re.compile(r"/board/\?notice=agent-soon$"))
    expect(page.locator('input[name="notice"][value="agent-soon"]')).to_be_checked()


def test_an_old_answer_never_takes_the_place_of_a_newer_one(
    sit_down: Callable[..., Desk],
) -> None:
    desk = sit_down()
    page = desk.sign_in("sue")
    held: list[Route] = []
    page.route(re.compile(r"/search/\?q=an"), lambda route: held.append(route))
    open_box(page)
    box(page).fill("an")
    while not held:
        page.wait_for_timeout(10)
    search(page, "/soon")
    for route in held:
        route.fulfill(body='<div data-count="1"><a role="option" id="x">old</a></div>')
    page.wait_for_load_state()

    expect(options(page).first).to_contain_text("An agent will be with you shortly")
    expect(page.get_by_text("old", exact=True)).to_have_count(0)


def test_what_goes_wrong_is_said_in_the_box_and_it_goes_on(
    sit_down: Callable[..., Desk], complaints: Complaints
) -> None:
    for words in ("ERR_FAILED", "429", "500"):
        complaints.expect(words)
    desk = sit_down()
    page = desk.let_in("sue")
    desk.go("/help/")  # the board refreshes itself, and might lead to the sign-in before the box
    open_box(page)

    def lost(route: Route) -> None:
        route.abort()

    def too_many(route: Route) -> None:
        route.fulfill(status=429, headers={"Retry-After": "7"})

    def failed(route: Route) -> None:
        route.fulfill(status=500)

    for fault, words in (
        (too_many, "asked again in 7 s"),
        (failed, "did not answer"),
        (lost, "did not answer"),
    ):
        page.route(re.compile(r"/search/\?q=help"), fault)
        box(page).fill("help")
        expect(page.locator("#jump [role=alert]")).to_contain_text(words)
        expect(options(page)).to_have_count(0)
        page.unroute(re.compile(r"/search/\?q=help"))
        search(page, "hel")
        expect(options(page).first).to_contain_text("Help")
        expect(page.locator("#jump [role=alert]")).to_be_empty()
    desk.context.clear_cookies()
    box(page).fill("help")
    expect(page.locator("#jump [role=alert]")).to_contain_text("You are signed out")
    expect(box(page)).to_have_value("help")


def test_recents_are_kept_as_references_and_can_be_cleared(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    page = desk.sign_in("sue")
    page.evaluate("localStorage.setItem('recents:user:0', '[\"notice:secret\"]')")
    for path in ("/notices/agent-soon/", "/history/", "/notices/no-such/", "/help/"):
        with_404 = page.request.get(desk.address + path).status == 404
        if not with_404:
            desk.go(path)
            wait_for_scripts(page)
    page.evaluate(
        "const key = Object.keys(localStorage).find((each) => each.startsWith('recents:'));"
        "localStorage.setItem(key, JSON.stringify(["
        "'notice:no-such', ...JSON.parse(localStorage.getItem(key))]))"
    )
    open_box(page)
    recent = page.get_by_role("group", name="Recently opened")
    expect(recent.get_by_role("option").first).to_contain_text("History")
    expect(recent).to_contain_text("An agent will be with you shortly")
    expect(recent).not_to_contain_text("Help")  # where one is already
    kept = page.evaluate(
        "Object.keys(localStorage).filter((key) => key.startsWith('recents:'))"
        ".map((key) => localStorage.getItem(key)).join()"
    )
    assert "notice:agent-soon" in kept
    assert "An agent" not in kept
    assert "no-such" not in kept  # forgotten, since it leads nowhere
    assert "secret" not in kept  # somebody else's

    page.get_by_role("button", name="Clear recents").click()
    expect(recent).to_have_count(0)
    expect(box(page)).to_be_focused()


@pytest.mark.parametrize("viewport", [{"width": 1440, "height": 900}, NARROW])
def test_the_box_is_to_everybodys_use(
    viewport: dict[str, int], sit_down: Callable[..., Desk]
) -> None:
    page = sit_down(viewport=viewport).sign_in("adam")
    wait_for_scripts(page)
    page.get_by_role("link", name="Search everything").click()
    expect(options(page).first).to_be_visible()
    place = page.locator("#jump").bounding_box()
    assert faults(page) == []
    for words in ("a", "zebra", "/soon"):
        search(page, words)
        assert faults(page) == []
        assert page.locator("#jump").bounding_box() == place  # nothing moves as answers come
    if viewport == NARROW:
        assert place == {"x": 0, "y": 0, **viewport}
        search(page, "a")
        heights = options(page).evaluate_all("all => all.map((each) => each.offsetHeight)")
        assert min(heights) >= 44
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("#jump")).to_be_hidden()
    expect(page.get_by_role("link", name="Search everything")).to_be_focused()


def test_it_opens_over_a_question_which_stays(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    page = desk.let_in("adam")
    desk.go("/sending/")
    wait_for_scripts(page)
    page.get_by_role("link", name="Stop all sending").last.click()
    question = page.get_by_role("dialog", name="Stop all sending?")
    why = question.get_by_label("Why, in words for everybody")
    why.fill("a storm")

    open_box(page)
    page.keyboard.press("Escape")

    expect(page.locator("#jump")).to_be_hidden()
    expect(why).to_have_value("a storm")
    expect(why).to_be_focused()
