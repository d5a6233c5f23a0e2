"""What stands for others when axe looks at colours (tests.support.axe) hides no fault of theirs."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.pages.layout import faults
from tests.support.axe import Looks

pytestmark = pytest.mark.browser

STYLE = """
  body { background: #fff; color: #111; }
  a { text-decoration: underline; }
  input { color: inherit; background: inherit; }
  a { color: inherit; }
  a, input { display: inline-block; min-height: 32px; }
  @media (prefers-color-scheme: dark) { body { background: #111; color: #eee; } }
"""
ROWS = "".join(f'<tr><th scope="row">{row}</th><td>Words {row}</td></tr>' for row in range(9))
PAGE = f"""<!doctype html><html lang="en"><head><title>Rows</title><style>{STYLE}%s</style></head>
<body><main><h1>Rows</h1><table>{ROWS}</table><p>Words with <a href="#a">a link</a>.</p>
<p><a href="#b">All of it is a link</a></p><input aria-label="Name" value="Words"></main></body>
</html>"""
PALE = "{ color: #999; }"
BROKEN = {
    "one row in the middle": (f"tr:nth-child(5) td {PALE}", "1440 px: color-contrast"),
    "in dark": (
        "@media (prefers-color-scheme: dark) { td { color: #555; } }",
        "1440 px: dark: color-contrast",
    ),
    "on a phone": (f"@media (max-width: 400px) {{ td {PALE} }}", "390 px: color-contrast"),
    "on a phone in dark": (
        "@media (max-width: 400px) and (prefers-color-scheme: dark) { td { color: #555; } }",
        "390 px: dark: color-contrast",
    ),
    "what is typed": (f"input {PALE}", "1440 px: color-contrast"),
    "a link in a sentence": (
        "p a { text-decoration: none; display: inline; color: #00c; }",
        "1440 px: link-in-text-block",
    ),
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
    yield page
    page.context.close()


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_found_after_a_page_that_was_right(name: str, page: Page) -> None:
    style, fault = BROKEN[name]
    looks = Looks()
    page.set_content(PAGE % "")
    assert faults(page, looks=looks) == []
    page.goto("about:blank")
    page.set_content(PAGE % style)
    assert [each for each in faults(page, looks=looks) if each.startswith(fault)]
