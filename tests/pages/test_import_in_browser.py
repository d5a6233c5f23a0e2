"""An import in a real Chromium: upload, progress from the worker, refusals, and the drafts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.pages.browsing import Desk
from tests.support.axe import faults
from tests.support.demos import Demo

pytestmark = pytest.mark.browser

ROWS = 300
NARROW: ViewportSize = {"width": 375, "height": 700}


@pytest.fixture
def desk(browser: Browser, demo: Demo, sessions: Callable[[str], str]) -> Iterator[Desk]:
    found = Desk(browser, demo.address, sessions)
    found.sign_in("eddy")
    yield found
    found.context.close()


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """New notices with an Arabic text, and one row that is refused."""
    path = tmp_path / "moved-texts.csv"
    lines = ["key,kind,title,body:en,body:ar"]
    lines += [f"moved-{n},message,Moved {n},Text {n},نص {n}" for n in range(ROWS)]
    path.write_text("\n".join([*lines, "moved-bad,message,,Text,"]), "utf-8")
    return path


def test_an_editor_imports_a_file(desk: Desk, texts: Path) -> None:
    page = desk.page
    desk.go("/notices/")
    page.get_by_role("link", name="Import").click()
    expect(page.get_by_role("heading", name="Import notices")).to_be_visible()
    assert faults(page) == []
    page.get_by_label("File").set_input_files(texts)
    page.get_by_role("button", name="Check the file").click()

    expect(page.get_by_role("heading", name="This is what the import would do")).to_be_visible()
    expect(page.get_by_text("Give the notice a title.")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name="New 300").click()
    page.locator("summary").first.click()
    expect(page.get_by_text("نص 0", exact=True)).to_be_visible()
    page.set_viewport_size(NARROW)
    assert _overflow(page) == 0
    page.get_by_role("button", name="Import the other 300").click()

    expect(page.get_by_role("heading", name="Imported", exact=True)).to_be_visible()
    expect(page.get_by_text("a second")).to_be_visible()
    page.get_by_role("link", name="Show the drafts").click()
    expect(page.get_by_text("moved-0", exact=True).first).to_be_visible()


def _overflow(page: Any) -> int:
    """By how many pixels the page is wider than the window."""
    wide: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wide


def test_an_export_is_a_file(desk: Desk, tmp_path: Path) -> None:
    page = desk.page
    desk.go("/notices/export/")
    assert faults(page) == []
    page.get_by_label("CSV, for any spreadsheet").check()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export").click()
    path = tmp_path / "all.csv"
    waiting.value.save_as(path)
    assert path.read_bytes().startswith(b'\xef\xbb\xbf"record","key"')
