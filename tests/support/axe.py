"""What axe, which knows the rules for pages to everybody's use, finds wrong with one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

ALL_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OF_COLOURS = ("color-contrast", "link-in-text-block")
# What the width of a window has a say in: the others find the same in each.
OF_LAYOUT = ("target-size", "scrollable-region-focusable")
# Colours that are on their way from one scheme to the other are not looked at. Only the findings
# are brought over: with all that is well it takes three times as long.
RUN = """async (rules) => {
  for (const animation of document.getAnimations()) {
    try { animation.finish(); } catch { animation.cancel(); }
  }
  const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, html }) => `${id}: ${help} ${target} ${html.slice(0, 200)}`));
}"""


def faults(page: Page) -> list[str]:
    """By all rules in light, and in dark by those that look at colours: to the others dark is the
    same page."""
    return _faults(page, ALL_RULES)


def layout_faults(page: Page, *, colours: bool) -> list[str]:
    """By those rules alone in which another width of the window matters; with `colours` also by
    theirs, in light and dark, since it shows what others don't."""
    return _faults(page, (*OF_LAYOUT, *OF_COLOURS) if colours else OF_LAYOUT, colours)


def _faults(page: Page, rules: Sequence[str], colours: bool = True) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = _broken(page, rules)
    if not colours:
        return found
    with dark(page):
        return found + [f"dark: {fault}" for fault in _broken(page, OF_COLOURS)]


@contextmanager
def dark(page: Page) -> Iterator[None]:
    """As for somebody whose system is dark, at once."""
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    yield
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")


def _broken(page: Page, rules: Sequence[str]) -> list[str]:
    found: list[str] = page.evaluate(RUN, rules)
    return found
