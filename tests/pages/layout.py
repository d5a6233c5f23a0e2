"""What an eye would find wrong with how a page lies on a screen, measured in the page itself.

axe knows nothing of it: what is cut, what scrolls sideways, times in several lines, and targets
that a finger misses."""

from collections.abc import Iterable

from playwright.sync_api import Page

from tests.support import axe

# Three windows at 100 %, and the first two at 200 %, which is half of them.
SIZES = {1440: 900, 1024: 768, 720: 450, 512: 384, 390: 844}
WITH_AXE = (1024, 390)  # beside 1440, where all its rules are run
PHONE = 390  # here alone stand things that no wider window has

# Whatever a finger meets is at least 24 px high and wide, but links in a sentence (WCAG 2.5.8), and
# on phones what stands in rows is 32 px high. What tells things apart is never cut; what else is
# has the whole of it in a tooltip.
MEASURE = """(phone) => {
  const found = [];
  const tell = (rule, element, more = "") =>
    found.push(`${rule}: ${element.outerHTML.replace(/\\s+/g, " ").slice(0, 200)} ${more}`);
  const box = (element) => element.getBoundingClientRect();
  const words = (text) => text.trim().replace(/\\s+/g, " ");
  const seen = (element) => element.checkVisibility({ visibilityProperty: true })
    && element.getClientRects().length > 0
    && !element.closest(".visually-hidden, .skip-link")
    && getComputedStyle(element.closest("thead") ?? element).clipPath === "none";
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);

  function sideways() {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return;
    const outside = all("body *").find((element) => box(element).right > clientWidth + 1);
    tell("sideways", outside ?? document.body, `${scrollWidth - clientWidth} px too wide`);
  }

  function cutOrScrolled(element) {
    const { overflowX, display, webkitLineClamp } = getComputedStyle(element);
    if (overflowX === "visible" || display === "inline" || element.matches("input, select")) return;
    const wide = element.scrollWidth > element.clientWidth + 1;
    const deep = webkitLineClamp !== "none" && element.scrollHeight > element.clientHeight + 1;
    if (overflowX === "auto" || overflowX === "scroll") {
      if (wide && !element.matches("pre, textarea")) tell("scrolls sideways", element);
    } else if ((wide || deep) && words(element.textContent) && !element.matches("dialog")) {
      const whole = words(element.closest("[title]")?.title ?? "");
      const tellsApart = element.closest("h1, h2, tbody th, .status, .visibility");
      if (tellsApart || !whole.includes(words(element.textContent))) tell("cut", element);
    }
  }

  function inLines(time) {
    const text = document.createRange();
    text.selectNodeContents(time);
    const line = parseFloat(getComputedStyle(time).lineHeight);
    const lines = text.getBoundingClientRect().height / line;
    if (lines > 1.6) tell("a time in several lines", time, lines.toFixed(1));
  }

  function small(control) {
    const target = getComputedStyle(control).opacity === "0" ? control.closest("label") : control;
    const inSentence = [...target.parentNode.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && words(node.data));
    if (getComputedStyle(target).display === "inline" && inSentence) return;
    const parts = [target, ...(target.labels ?? [])].map(box);
    const height = Math.max(...parts.map((part) => part.height));
    const width = Math.max(...parts.map((part) => part.width));
    const least = phone && target.matches(".chip, .pagination a, .selection .button") ? 32 : 24;
    if (height < least || width < 24) tell("a small target", target, `${width} × ${height} px`);
  }

  sideways();
  all("body *").forEach(cutOrScrolled);
  all("time, [data-since]").forEach(inLines);
  all("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")
    .forEach(small);
  return found;
}"""


def measured(page: Page) -> list[str]:
    """In the window as it is."""
    width = page.evaluate("innerWidth")
    found: list[str] = page.evaluate(MEASURE, width <= PHONE)
    return found


def faults(page: Page, widths: Iterable[int] = SIZES, looks: axe.Looks | None = None) -> list[str]:
    """In windows of these widths: the page is resized, not loaded anew, as by zoom or by hand.
    `looks` are those of pages before it, whose colours are not looked at again."""
    usual = page.viewport_size
    assert usual is not None
    looks = axe.Looks() if looks is None else looks
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": SIZES[width]})
        here = measured(page)
        if width == max(SIZES):
            here += axe.faults(page, looks)
        elif width in WITH_AXE:
            here += axe.layout_faults(page, looks if width == PHONE else None)
        found += [f"{width} px: {fault}" for fault in here]
    page.set_viewport_size(usual)
    return found
