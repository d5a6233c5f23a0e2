"""The page of a chat in a real browser: it lives, and composing there is for this chat alone."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from tests.pages.browsing import Desk
from tests.pages.layout import faults
from tests.support.demos import Demo

pytestmark = pytest.mark.browser


@pytest.fixture
def chat(demo: Demo) -> Iterator[str]:
    name = f"0001{uuid4().hex[:12].upper()}"
    with demo.chat(name, waiting=timedelta(minutes=1), FirstName="Paula", LastName="Onepage"):
        yield name


def open_it(desk: Desk, chat: str, notice: str = "") -> Page:
    desk.let_in("sue")
    desk.go(f"/chats/{chat}/" + (f"?notice={notice}" if notice else ""))
    expect(desk.page.get_by_role("heading", name="Paula Onepage")).to_be_visible()
    return desk.page


def test_from_the_board_to_the_chat_and_a_send_that_shows_by_itself(
    sit_down: Callable[..., Desk], chat: str
) -> None:
    desk = sit_down()
    desk.sign_in("sue")
    desk.go("/board/?q=Onepage")
    page = desk.page
    page.get_by_role("link", name="The chat of Paula Onepage").click()
    page.get_by_text("An agent will be with you shortly").first.click()
    send = page.get_by_role("button", name="Send to 1 customer")
    expect(send).to_be_enabled()
    send.click()
    now = page.locator("#chat-now")
    expect(now.get_by_role("heading", name="Waits for this chat")).to_be_visible()
    expect(now.get_by_text("Delivered")).to_be_visible()
    expect(now.get_by_role("heading", name="Waits for this chat")).to_be_hidden()

    assert faults(page) == []

    # The next one is for the same chat.
    page.get_by_role("button", name="Compose another").click()
    expect(page.locator("[data-selection-rest]")).to_have_value(chat)
    page.get_by_text("Offer a call back").first.click()
    expect(page.get_by_role("button", name="Send to 1 customer")).to_be_enabled()


def test_a_deep_link_is_ready_to_be_sent(sit_down: Callable[..., Desk], chat: str) -> None:
    page = open_it(sit_down(), chat, "agent-soon")
    expect(page.get_by_role("button", name="Send to 1 customer")).to_be_enabled()
    expect(page.locator("#preview")).to_contain_text("Hello Paula")
    assert faults(page) == []


def test_by_keyboard_alone(sit_down: Callable[..., Desk], chat: str) -> None:
    page = open_it(sit_down(), chat)
    page.locator("[data-picker-filter]").focus()
    page.keyboard.type("/soon")
    page.keyboard.press("Enter")  # takes the first, and sends nothing
    expect(page.get_by_role("button", name="Send to 1 customer")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator("[data-selection-rest]")).to_have_value(chat)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("button", name="Send to 1 customer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chat-now").get_by_text("Delivered")).to_be_visible()


def test_what_was_not_sent_here_is_offered_here_and_not_on_the_board(
    sit_down: Callable[..., Desk], chat: str
) -> None:
    page = open_it(sit_down(), chat, "agent-soon")
    page.locator("summary", has_text="Nickname and reason").click()
    page.get_by_label("Why").fill("Because of the harbour")
    page.wait_for_function("() => JSON.stringify(localStorage).includes('harbour')")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/board/")
    expect(page.locator("#compose")).to_be_visible()
    expect(page.locator("[data-unsaved-note]")).to_have_count(0)
    page.goto(f"/chats/{chat}/")
    expect(page.locator("[data-unsaved-note]")).to_be_visible()
    page.locator("[data-put-back]").click()
    expect(page.get_by_label("Why")).to_have_value("Because of the harbour")
    expect(page.get_by_role("button", name="Send to 1 customer")).to_be_enabled()


def test_a_chat_that_ends_says_so_by_itself(sit_down: Callable[..., Desk], demo: Demo) -> None:
    name = f"0001{uuid4().hex[:12].upper()}"
    desk = sit_down()
    with demo.chat(name, waiting=timedelta(minutes=1), FirstName="Paula", LastName="Onepage"):
        page = open_it(desk, name)
        expect(page.locator("#chat-now").get_by_text("Online", exact=True)).to_be_visible()
    expect(page.locator("#chat-now").get_by_text("Ended", exact=True).first).to_be_visible()


def test_a_chat_that_ended_before_its_page_followed_it_says_so(
    sit_down: Callable[..., Desk], demo: Demo
) -> None:
    """On a slow line the page is read long before it can hear what changes."""
    name = f"0001{uuid4().hex[:12].upper()}"
    desk = sit_down()
    page = desk.let_in("sue")
    held: list[Route] = []
    with demo.chat(name, waiting=timedelta(minutes=1), FirstName="Paula", LastName="Onepage"):
        page.route("**/static/**/js/app.js", lambda route: held.append(route))
        page.goto(f"{desk.address}/chats/{name}/", wait_until="commit")
        expect(page.locator("#chat-now").get_by_text("Online", exact=True)).to_be_visible()
        while not held:
            page.wait_for_timeout(10)
    while "Ended" not in desk.context.request.get(page.url).text():
        page.wait_for_timeout(10)
    held[0].continue_()
    expect(page.locator("#chat-now").get_by_text("Ended", exact=True).first).to_be_visible()


def test_a_draft_is_tried_out_in_the_demos_test_chat(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    desk.let_in("eddy")
    desk.go("/notices/agent-soon/edit/")
    page = desk.page
    words = f"Is it fine like that? {uuid4().hex[:6]}"
    page.get_by_label("Text").first.fill(words)
    page.get_by_role("button", name="Save and send to a test chat").click()
    expect(page.get_by_role("heading", name="Send to a test chat")).to_be_visible()
    page.get_by_role("button", name="Send the test").click()
    outcomes = page.locator("#test-outcomes")
    expect(outcomes.get_by_text(words)).to_be_visible()
    expect(outcomes.get_by_text("Delivered").first).to_be_visible()
    assert faults(page) == []
    outcomes.get_by_role("link", name="See what the customer sees").first.click()
    expect(page.get_by_text(words)).to_be_visible()
