"""The builder of audiences and the saved views in a real Chromium, at the demo."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.pages.browsing import Desk
from tests.pages.crowd import Crowd
from tests.pages.layout import faults as layout_faults
from tests.pages.test_in_browser import send_button, wait_for_scripts
from tests.support.axe import faults
from tests.support.demos import Demo, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def text_field(page: Page) -> Locator:
    return page.locator("#audience-text")


def rows(page: Page) -> Locator:
    return page.locator("#board-rows tbody:not([hidden]) tr")


def at_board(sit_down: Callable[..., Desk], path: str = "/board/", **context: object) -> Page:
    desk = sit_down(**context)
    page = desk.let_in("sue")
    desk.go(path)
    wait_for_scripts(page)
    return page


def pick_notice(page: Page, words: str) -> None:
    """Without the list, in which nothing may have been chosen."""
    page.get_by_label("Narrow the notices").fill(words)
    page.keyboard.press("Enter")
    expect(page.locator("#compose [name=notice]:checked")).to_have_count(1)


@pytest.fixture
def marked(demo: Demo) -> Iterator[str]:
    """A value of user data that three chats have, one of which has a number as well."""
    mark = f"M{uuid4().hex[:6]}"
    with ExitStack() as stack:
        for number in range(3):
            chat = f"0001{uuid4().hex[:12].upper()}"
            more = {"Order No": "7"} if number == 0 else {}
            known = {"FirstName": f"Mark {number}", "Mark": mark, **more}
            stack.enter_context(demo.chat(chat, waiting=timedelta(minutes=1), **known))
        yield mark


def test_by_mouse(sit_down: Callable[..., Desk], marked: str) -> None:
    page = at_board(sit_down)
    page.get_by_role("button", name="Conditions").click()
    builder = page.locator("#audience-builder")
    builder.get_by_role("button", name="Condition", exact=True).click()
    row = builder.locator(".builder__row")
    expect(row).to_have_count(1)
    # It lacks its value, so it is nobody.
    expect(text_field(page)).to_have_value('queue:""')
    expect(page.get_by_role("heading", name="The conditions can't be used yet")).to_be_visible()
    expect(rows(page)).to_have_count(0)

    row.get_by_label("Field").select_option("data")
    row.get_by_label("Key of the user data").click()
    keys = row.locator("datalist").first.locator("option")
    # Read at one moment: they come anew as the board's chats do.
    until(lambda: "Mark" in keys.evaluate_all("all => all.map((each) => each.value)"))
    row.get_by_label("Key of the user data").fill("Mark")
    row.get_by_label("Value", exact=True).click()
    expect(text_field(page)).to_have_value('data.Mark:""')
    row.get_by_label("Value", exact=True).blur()
    row.get_by_label("Value", exact=True).click()
    value = row.locator("datalist").last.locator(f'option[value="{marked}"]')
    expect(value).to_have_attribute("label", f"{marked} · 3 chats")
    row.get_by_label("Value", exact=True).fill(marked)
    row.get_by_label("Value", exact=True).blur()
    expect(text_field(page)).to_have_value(f"data.Mark:{marked}")
    expect(rows(page)).to_have_count(3)
    assert parse_qs(urlsplit(page.url).query)["audience"] == [f"data.Mark:{marked}"]

    builder.get_by_role("button", name="Condition", exact=True).click()
    second = builder.locator(".builder__row").nth(1)
    expect(second.get_by_label("Field")).to_be_focused()
    second.get_by_label("Field").select_option("data")
    second.get_by_label("Key of the user data").fill("Order No")
    second.get_by_label("Comparison").select_option("missing")
    expect(text_field(page)).to_have_value(f'data.Mark:{marked} no:data."Order No"')
    expect(rows(page)).to_have_count(2)
    builder.get_by_label("How many must hold").select_option("any")
    expect(text_field(page)).to_have_value(f'data.Mark:{marked} or no:data."Order No"')
    assert faults(page) == []
    assert layout_faults(page) == []

    first = builder.locator(".builder__row").first
    first.get_by_role("button", name="Remove").click()
    expect(text_field(page)).to_have_value('no:data."Order No"')
    expect(builder.locator(".builder__row")).to_have_count(1)
    expect(builder.get_by_label("Key of the user data")).to_have_value("Order No")


def test_by_keyboard_alone(sit_down: Callable[..., Desk], marked: str) -> None:
    page = at_board(sit_down)
    keys = page.keyboard
    page.get_by_role("button", name="Conditions").focus()
    keys.press("Enter")
    expect(page.locator("#audience-builder")).to_be_visible()
    tab_to(page, "Condition")
    keys.press("Enter")
    field = page.get_by_label("Field", exact=True)
    expect(field).to_be_focused()
    keys.type("User")
    keys.press("Tab")
    expect(page.get_by_label("Key of the user data")).to_be_visible()
    page.get_by_label("Field", exact=True).focus()
    keys.press("Tab")
    expect(page.get_by_label("Key of the user data")).to_be_focused()
    keys.type("Mark")
    keys.press("Tab")
    keys.press("Tab")
    expect(page.get_by_label("Value", exact=True)).to_be_focused()
    keys.type(marked)
    keys.press("Enter")
    expect(text_field(page)).to_have_value(f"data.Mark:{marked}")
    # Enter in a field is no step: nothing was removed or added, and the focus stays.
    expect(page.locator(".builder__row")).to_have_count(1)
    expect(page.get_by_label("Value", exact=True)).to_be_focused()
    expect(rows(page)).to_have_count(3)


def tab_to(page: Page, name: str) -> None:
    for _ in range(12):
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no {name} within reach")


def test_the_text_changes_the_rows_and_nothing_typed_is_lost(
    sit_down: Callable[..., Desk], marked: str
) -> None:
    page = at_board(sit_down)
    page.get_by_role("button", name="Conditions").click()
    text_field(page).fill(f"data.Mark:{marked} (agent:ann or waiting>5m")
    text_field(page).press("Enter")
    problem = page.locator("#audience-problem")
    expect(problem).to_contain_text("A closing parenthesis is missing, at 'the end'.")
    expect(text_field(page)).to_have_value(f"data.Mark:{marked} (agent:ann or waiting>5m")
    expect(text_field(page)).to_be_focused()
    expect(rows(page)).to_have_count(0)
    expect(page.locator(".builder__row")).to_have_count(0)

    text_field(page).fill(f"data.Mark:{marked} (agent:ann or waiting>1s)")
    text_field(page).press("Tab")
    expect(page.locator(".builder__row")).to_have_count(3)
    expect(rows(page)).to_have_count(3)
    # Rows that change while one is being written in: what is being typed stays.
    value = page.locator(".builder__row").nth(1).get_by_label("Value", exact=True)
    value.fill("bob")
    with page.expect_response("**/board/audience/**"):
        page.locator(".builder__row").first.get_by_label("Value", exact=True).focus()
        page.keyboard.press("End")
        page.keyboard.type("X")
    expect(page.locator(".builder__row").first.get_by_label("Value", exact=True)).to_have_value(
        f"{marked}X"
    )
    page.keyboard.press("Backspace")
    page.keyboard.press("Tab")
    expect(text_field(page)).to_have_value(f"data.Mark:{marked} (agent:bob or waiting>1s)")
    # The same address, opened anew, says the same.
    expect(page).to_have_url(re.compile("agent%3Abob"))
    page.reload()
    expect(text_field(page)).to_have_value(f"data.Mark:{marked} (agent:bob or waiting>1s)")
    expect(rows(page)).to_have_count(3)


def test_views_are_saved_count_live_and_are_opened_while_somebody_composes(
    sit_down: Callable[..., Desk], demo: Demo
) -> None:
    with Crowd(demo, 30) as crowd:
        page = at_board(sit_down, f"/board/?audience=customer~{crowd.name}")
        page.get_by_role("link", name="Save as a view").click()
        expect(page.get_by_label("Conditions")).to_have_value(f"customer~{crowd.name}")
        page.get_by_label("Name").fill(f"View {crowd.name}")
        page.get_by_role("button", name="Save the view").click()
        tab = page.locator(".views__tab", has_text=crowd.name)
        expect(tab).to_have_attribute("aria-current", "page")
        expect(tab.locator(".views__count")).to_have_text("30")
        wait_for_scripts(page)
        assert faults(page) == []

        # A filter of its own, and what is written, while another tab is opened and back.
        pick_notice(page, "agent will be")
        page.get_by_text("Nickname and reason").click()
        page.get_by_label("Why").fill("a storm")
        page.locator("#board-views").get_by_role("link", name=re.compile("^All")).click()
        expect(text_field(page)).to_have_value("")
        expect(tab).not_to_have_attribute("aria-current", "page")
        tab.click()
        expect(text_field(page)).to_have_value(f"customer~{crowd.name}")
        expect(page.get_by_label("Why")).to_have_value("a storm")
        expect(page.get_by_role("radio", checked=True).first).to_be_checked()

        # Who comes is counted at once, though nobody touches the page.
        chat = f"0001{uuid4().hex[:12].upper()}"
        new = {"FirstName": "New", "LastName": crowd.name}
        with demo.chat(chat, waiting=timedelta(minutes=1), **new):
            expect(tab.locator(".views__count")).to_have_text("31")
        expect(tab.locator(".views__count")).to_have_text("30")

        # Another filter is a change of the view, which can be saved.
        page.get_by_label("Waiting longer than").select_option("60")
        expect(tab).to_contain_text("changed")
        page.get_by_role("link", name="Save the change").click()
        expect(page.get_by_label("Conditions")).to_have_value(f"waiting>1m customer~{crowd.name}")
        page.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("link", name="Change the view").click()
        page.get_by_role("link", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
        expect(page.locator(".views__tab", has_text=crowd.name)).to_have_count(0)


def test_a_follow_up_is_ready_to_compose(sit_down: Callable[..., Desk], marked: str) -> None:
    page = at_board(sit_down, f"/board/?audience=data.Mark:{marked}")
    expect(rows(page)).to_have_count(3)
    page.locator("[data-select-all]").check()
    pick_notice(page, "agent will be")
    expect(send_button(page)).to_contain_text("Send to 3 customers")
    send_button(page).click()
    expect(page.locator(".send__state")).to_contain_text("3 of 3 delivered")
    # The list has heard of it: each row says what its customer has just got.
    expect(rows(page).first.locator(".last")).to_contain_text("An agent will be with you shortly")
    page.get_by_role("link", name="Open this send").click()
    page.get_by_role("link", name="Write to those who got it").click()
    expect(text_field(page)).to_have_value(re.compile(r"^received:send/\d+$"))
    expect(rows(page)).to_have_count(3)
    expect(page.locator(".selection [data-selection-count]")).to_have_text("3")
    assert page.locator("#board-rows input.pick:checked").count() == 3
    pick_notice(page, "busier than")
    expect(page.locator("#preview")).to_contain_text("3")


def test_without_scripts_it_is_a_field_and_a_button(
    sit_down: Callable[..., Desk], marked: str
) -> None:
    desk = sit_down(java_script_enabled=False)
    page = desk.let_in("sue")
    desk.go("/board/")
    expect(page.locator("#audience-builder")).to_be_hidden()
    expect(page.get_by_role("button", name="Conditions")).to_be_hidden()
    text_field(page).fill(f"data.Mark:{marked}")
    page.get_by_role("button", name="Filter").click()
    expect(rows(page)).to_have_count(3)
    text_field(page).fill("data.Mark:")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#audience-problem")).to_contain_text("A value is missing")
    expect(rows(page)).to_have_count(0)
