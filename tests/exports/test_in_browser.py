"""A long export in a real Chromium: ordered on the history, followed live, fetched, deleted."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from console.accounts.models import User
from tests.exports.conftest import Sent
from tests.support.axe import faults
from tests.support.demos import Program
from tests.support.serving import Server, shared_server
from tests.support.signing_in import sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
]

ROWS = 7


server = shared_server(CONSOLE_EXPORT_AT_ONCE_ROWS="5")


@pytest.fixture(autouse=True, scope="module")
def _database_beside_the_browser() -> Iterator[None]:
    """Playwright keeps an event loop in this thread, and Django would refuse its database there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture
def worker(server: Server) -> Iterator[Program]:
    running = Program("worker", data=server.data, listener=None, **server.settings)
    try:
        running.says("Worker ready")
        yield running
    finally:
        running.close()


@pytest.fixture
def page(sent: Sent, server: Server, browser: Browser, auditor: User) -> Iterator[Page]:
    sent(chats=ROWS)
    cookie = sign_in(Client(), auditor).cookies[settings.SESSION_COOKIE_NAME]
    context = browser.new_context(base_url=server.address)
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server.address}])
    yield context.new_page()
    context.close()


def order(page: Page, form: str) -> None:
    page.goto("/history/")
    page.get_by_label("Format of the export").select_option(form)
    page.get_by_role("button", name="Export", exact=True).click()


@pytest.mark.usefixtures("worker")
def test_a_long_export_is_ready_by_itself(page: Page, tmp_path: Path) -> None:
    order(page, "csv")
    expect(page.get_by_text(f"The file is ready: {ROWS} rows")).to_be_visible()
    assert faults(page) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "file.csv")
    text = (tmp_path / "file.csv").read_text("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(text, newline="")))) == ROWS
    assert download.value.suggested_filename.endswith(".csv")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No exports")).to_be_visible()


def test_one_that_no_worker_writes_is_cancelled(page: Page) -> None:
    order(page, "xlsx")
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name="Your exports").click()
    expect(page.get_by_role("cell", name="Waiting for a worker")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("link", name=".xlsx").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="No exports")).to_be_visible()


def test_a_short_one_is_downloaded_from_the_list_as_it_is_filtered(page: Page) -> None:
    page.goto("/history/?status=delivered")
    expect(page.get_by_text("Nothing in the history matches")).to_be_visible()
    page.goto("/audit/?action=send.created")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
    assert download.value.suggested_filename.startswith("trail-")
