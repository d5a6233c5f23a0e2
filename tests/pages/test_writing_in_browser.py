"""Writing in a real Chromium: a field is asked, answered on the board, and stands in the chat."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.pages.browsing import Desk
from tests.pages.test_in_browser import choose_chats, send_button, wait_for_scripts
from tests.support.axe import faults

pytestmark = pytest.mark.browser


def write(page: Page) -> None:
    """A text with a field, by the editor's own buttons where there are some."""
    page.get_by_role("button", name="A field").click()
    page.get_by_label("Name", exact=True).fill("day")
    page.get_by_label("Question").fill("New date")
    page.get_by_label("Type", exact=True).select_option("date")
    text = page.get_by_label("Text", exact=True)
    text.fill("We come on ")
    text.press("End")
    # The button is there as soon as the field is known, and puts it where the cursor is.
    page.get_by_role("button", name="field.day").click()
    expect(text).to_have_value("We come on {{ field.day }}")
    expect(page.locator(".seen__bubble")).to_contain_text("We come on March 31, 2027")


def test_a_field_from_the_editor_to_the_customers_chat(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    key = "new-day"
    author = sit_down()
    page = author.let_in("eddy")
    author.go("/notices/new/")
    page.get_by_label("Title").fill("A new day")
    page.get_by_role("textbox", name="Key").fill(key)
    page.get_by_role("button", name="Create and write the text").click()
    wait_for_scripts(page)
    write(page)
    assert faults(page) == []
    page.get_by_role("button", name="Save and submit for review").click()
    expect(page.get_by_text("Submitted.")).to_be_visible()

    reviewer = sit_down()
    page = reviewer.let_in("anna")
    reviewer.go(f"/notices/{key}/")
    expect(page.get_by_text("The sender fills in", exact=True)).to_be_visible()
    page.get_by_role("button", name="Approve and publish").click()
    expect(page.get_by_text("Published.")).to_be_visible()

    sender = sit_down()
    page = sender.let_in("sue")
    choose_chats(page, 1, q=staying)
    page.keyboard.press("Enter")
    page.keyboard.type("a new day")
    page.keyboard.press("Enter")
    answer = page.get_by_label("New date")
    expect(page.locator("#preview")).to_contain_text("Fill in New date")
    answer.fill("2027-05-17")
    answer.blur()
    expect(page.locator("#preview")).to_contain_text("We come on May 17, 2027")
    # The preview came anew, and what was typed stays.
    expect(answer).to_have_value("2027-05-17")
    send_button(page).click()
    expect(page.locator("[data-sent]")).to_be_visible()
    sender.go(f"/board/?notice={key}")
    expect(answer).to_have_value("")
    assert faults(page) == []


def test_the_editor_is_one_column_on_a_narrow_screen(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page = desk.let_in("eddy")
    desk.go("/notices/agent-soon/edit/")
    expect(page.locator(".seen__bubble").first).to_be_visible()
    arabic = page.locator('.seen__bubble [lang="ar"]')
    expect(arabic).to_have_attribute("dir", "rtl")
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]
    assert faults(page) == []
