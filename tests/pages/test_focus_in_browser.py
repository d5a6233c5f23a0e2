"""Where the focus is after an answer, and where names begin, in a real browser."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.pages.browsing import Desk
from tests.pages.test_in_browser import rows, wait_for_scripts
from tests.support.demos import Demo

pytestmark = pytest.mark.browser

NAMES = ["Zoe", "محمد رضا", "דנה Levi", "\u202eevil", "فاطمه‌ زهرا " * 8, "Wilhelmina " * 8]
# A line that is broken ends in a space, which hangs over.
ROUNDED = 3
# Where the first line of a text begins and ends, and the box that it is in. A line has a part for
# each script.
EDGES = """(elements) => elements.map((element) => {
  const range = document.createRange();
  range.selectNodeContents(element);
  const parts = [...range.getClientRects()];
  const line = parts.filter(({ top, bottom }) => top < parts[0].bottom && bottom > parts[0].top);
  const box = element.getBoundingClientRect();
  const left = Math.min(...line.map((part) => part.left));
  const right = Math.max(...line.map((part) => part.right));
  return [left, right, box.left, box.right].map(Math.round);
})"""


def test_one_more_row_and_a_refused_save_keep_the_focus_at_work(
    sit_down: Callable[..., Desk],
) -> None:
    desk = sit_down()
    page = desk.let_in("eddy")
    desk.go("/notices/")
    page.locator("#main tbody th a").first.click()
    address = page.url
    page.goto(f"{address}edit/")
    wait_for_scripts(page)
    texts = page.locator(".locale-row")
    before = texts.count()
    page.get_by_role("button", name="Another language").click()
    expect(texts).to_have_count(before + 1)
    expect(texts.last.locator("input")).to_be_focused()
    page.get_by_label("Default language").fill("")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_label("Default language")).to_be_focused()
    desk.complaints.clear()  # of the answer's status


def test_what_takes_the_place_of_a_button_takes_the_focus(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    page = desk.let_in("sue")
    desk.go("/notices/")
    wait_for_scripts(page)
    star = page.locator(".star button").first
    pressed = star.get_attribute("aria-pressed")
    star.focus()
    for _ in range(2):  # and back, as others find it
        with page.expect_response("**/favourite/"):
            page.keyboard.press("Enter")
        expect(star).to_be_focused()
    expect(star).to_have_attribute("aria-pressed", str(pressed))


@pytest.mark.parametrize("width", [390, 1440])
def test_names_begin_where_the_others_do(
    sit_down: Callable[..., Desk], demo: Demo, width: int
) -> None:
    desk = sit_down(viewport={"width": width, "height": 900})
    page = desk.sign_in("sue")
    family = f"F{uuid4().hex[:8]}"
    with ExitStack() as stack:
        for name in NAMES:
            known = {"FirstName": name.strip(), "LastName": family}
            chat = f"0002{uuid4().hex[:12].upper()}"
            stack.enter_context(demo.chat(chat, waiting=timedelta(minutes=2), **known))
        desk.go(f"/board/?q={family}")
        expect(rows(page)).to_have_count(len(NAMES))
        names = page.locator("#board-rows .board__customer bdi")
        found: list[list[int]] = names.evaluate_all(EDGES)
    lefts = [left for left, *_others in found]
    assert max(lefts) - min(lefts) <= ROUNDED, found
    assert all(right <= end + ROUNDED for _left, right, _start, end in found), found
