"""While a page loads, nothing in it moves under the eye: what Chromium counts as a layout shift.

A list that follows its server is left out: its rows and their number come and go with the chats."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.pages.browsing import Desk

pytestmark = pytest.mark.browser

# It notes what moved, and whether it did so by itself. A list that lives is not looked at.
LISTEN = """
window.moved = [];
new PerformanceObserver((seen) => {
  for (const shift of seen.getEntries()) {
    if (shift.hadRecentInput) continue;
    for (const { node, previousRect: from, currentRect: to } of shift.sources) {
      const element = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
      if (!element || element.closest("[data-live-rows]")) continue;
      const place = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
      window.moved.push(`${element.outerHTML.slice(0, 80)}: ${place(from)} to ${place(to)}`);
    }
  }
}).observe({ type: "layout-shift", buffered: true });
"""
# What stands behind a number that follows the chats.
BESIDE = """
(number) => {
  document.querySelector(".views__count").textContent = number;
  return Math.round(document.querySelector(".views__new").getBoundingClientRect().x);
}
"""
SETTLED = "new Promise((done) => setTimeout(done, 1000 - performance.now()))"
WINDOWS = {"wide": (1440, 900), "medium": (1024, 768), "phone": (390, 844)}
# The browser gives the list of notices a layer of its own in about every second load.
LOADS = 4


def _opened(desk: Desk, path: str) -> list[Page]:
    pages = [desk.open() for _ in range(LOADS)]
    for page in pages:
        page.goto(desk.address + path, wait_until="load")
    return pages


@pytest.mark.parametrize("window", WINDOWS)
def test_nothing_moves_while_the_board_loads(window: str, sit_down: Callable[..., Desk]) -> None:
    width, height = WINDOWS[window]
    desk = sit_down(viewport={"width": width, "height": height})
    desk.context.add_init_script(LISTEN)
    desk.let_in("sue")
    pages = _opened(desk, "/board/")

    for page in pages:
        page.evaluate(SETTLED)
        assert page.evaluate("window.moved") == []
    # Nor afterwards, with each chat that comes or goes.
    assert len({pages[0].evaluate(BESIDE, number) for number in ("9", "10", "999")}) == 1
