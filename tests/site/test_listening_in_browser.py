"""No test that drives a browser can forget to listen to it."""

import pytest
from playwright.sync_api import Browser

from tests.support.browsing import Complaints

pytestmark = pytest.mark.browser


def test_the_browser_is_heard_whoever_opened_the_page(
    browser: Browser, complaints: Complaints
) -> None:
    page = browser.new_page()
    with page.expect_popup() as opened:
        page.evaluate("window.open('about:blank')")
    opened.value.evaluate("console.warn('a warning'); console.info('nothing')")
    with page.expect_event("pageerror"):
        page.evaluate(
            "console.error('a fault'); setTimeout(() => { throw new Error('a broken script') })"
        )
    complaints.expect("a fault")

    left = complaints.take()

    assert len(left) == 2
    assert "a warning" in left[0]
    assert "a broken script" in left[1]
    assert complaints.take() == []  # the next test starts anew
