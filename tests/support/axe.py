"""What axe, which knows the rules for pages to everybody's use, finds wrong with one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

ALL_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OF_COLOURS = ("color-contrast", "link-in-text-block")
# What the width of a window has a say in: the others find the same in each.
OF_LAYOUT = ("target-size", "scrollable-region-focusable")
# axe spends most of its time on colours, and most of that on rows of tables that are all alike. So
# it looks at the colours of the first and the last of those texts that look alike. Texts look alike
# when the same digest comes of their names, classes, colours and so on, and of what stands around
# them. `chooseTexts` leaves out what has been looked at before, and adds it there.
TEXTS = """(ofColours) => {
  const STYLES = ["color", "backgroundColor", "backgroundImage", "opacity", "fontSize",
    "fontWeight", "filter", "textShadow", "mixBlendMode"];
  const OF_LINKS = ["textDecorationLine", "borderBottomWidth"];
  let chosen = new Set();

  const hasText = (element) => element.matches("a, [role=link], select, textarea")
    || element.matches("input:not([type=hidden])")
    || [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const isSeen = (element) => element.checkVisibility({ visibilityProperty: true })
    && element.getClientRects().length > 0;

  function asLink(link, style) {
    let block = link.parentElement;
    while (getComputedStyle(block).display === "inline") block = block.parentElement;
    const isInSentence = block.textContent.trim() !== link.textContent.trim();
    return [isInSentence, ...OF_LINKS.map((name) => style[name])];
  }

  // 53 bits are enough for some thousands of looks.
  function digest(text) {
    let [high, low] = [0xdeadbeef, 0x41c6ce57];
    for (let at = 0; at < text.length; at += 1) {
      high = Math.imul(high ^ text.charCodeAt(at), 2654435761);
      low = Math.imul(low ^ text.charCodeAt(at), 1597334677);
    }
    high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
    low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
    return 4294967296 * (2097151 & low) + (high >>> 0);
  }

  function look(element, looks) {
    if (looks.has(element)) return looks.get(element);
    const style = getComputedStyle(element);
    const isInFlow = ["static", "relative"].includes(style.position);
    const found = digest([
      look(element.parentElement, looks),
      element.localName,
      element.getAttribute("class"),
      element.getAttribute("aria-disabled"),
      (element.control ?? element).disabled,
      isInFlow ? "" : `${style.position} ${style.zIndex}`,
      ...STYLES.map((name) => style[name]),
      ...(element.matches("a, [role=link]") ? asLink(element, style) : []),
    ].join("|"));
    looks.set(element, found);
    return found;
  }

  window.chooseTexts = (before) => {
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const looks = new Map([[null, isDark ? 1 : 0]]);
    const alike = new Map();
    for (const element of document.body.querySelectorAll("*")) {
      if (!hasText(element) || !isSeen(element)) continue;
      const found = look(element, looks);
      if (before.has(found)) continue;
      const [first] = alike.get(found) ?? [element];
      alike.set(found, [first, element]);
    }
    for (const found of alike.keys()) before.add(found);
    chosen = new Set([...alike.values()].flat());
    return chosen.size;
  };
  for (const rule of axe._audit.rules) {
    const { id, matches } = rule;
    if (ofColours.includes(id))
      rule.matches = (node, ...more) => chosen.has(node) && matches.call(rule, node, ...more);
  }
}"""
# Colours that are on their way from one scheme to the other are not looked at. Only the findings
# are brought over: with all that is well it takes three times as long.
RUN = """async ({ rules, colours, before }) => {
  for (const animation of document.getAnimations()) {
    try { animation.finish(); } catch { animation.cancel(); }
  }
  const looked = new Set(before);
  const isNothingNew = colours.length > 0 && chooseTexts(looked) === 0;
  if (isNothingNew && rules.every((rule) => colours.includes(rule))) return [[], []];
  const asked = { runOnly: rules, resultTypes: ["violations"] };
  const { violations } = await axe.run(document, asked);
  const found = violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, html }) => `${id}: ${help} ${target} ${html.slice(0, 200)}`));
  return [found, [...looked].slice(before.length)];
}"""


class Looks(set[int]):
    """The looks of texts whose colours axe has looked at."""


def faults(page: Page, looks: Looks | None = None) -> list[str]:
    """By all rules in light, and in dark by those that look at colours: to the others dark is the
    same page. The colours are those of all texts, or of those whose looks are new."""
    return _faults(page, ALL_RULES, Looks() if looks is None else looks)


def layout_faults(page: Page, looks: Looks | None) -> list[str]:
    """By those rules alone in which another width of the window matters; with `looks` also by those
    of colours, in light and dark, for texts whose looks are new."""
    if looks is None:
        return _broken(page, OF_LAYOUT)
    return _faults(page, (*OF_LAYOUT, *OF_COLOURS), looks)


def _faults(page: Page, rules: Sequence[str], looks: Looks) -> list[str]:
    found = _broken(page, rules, looks)
    with dark(page):
        return found + [f"dark: {fault}" for fault in _broken(page, OF_COLOURS, looks)]


@contextmanager
def dark(page: Page) -> Iterator[None]:
    """As for somebody whose system is dark, at once."""
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    yield
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")


def _broken(page: Page, rules: Sequence[str], looks: Looks | None = None) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        page.evaluate(TEXTS, OF_COLOURS)
    colours = OF_COLOURS if looks is not None else ()
    asked = {"rules": rules, "colours": colours, "before": list(looks or ())}
    found, new = page.evaluate(RUN, asked)
    if looks is not None:
        looks.update(new)
    return list(found)
