"""Work that the session, the line or the server interrupts: helpers for desks."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from playwright.sync_api import Page, Route, expect

from console.demo.people import PASSWORD
from tests.pages.browsing import Desk
from tests.pages.test_in_browser import choose_staying, send_button, wait_for_scripts
from tests.support.demos import Demo

NOTICE = "An agent will be with you shortly"
REASON = "a storm on the coast"
# Of the browser itself, on a line that the test has cut.
EXPECTED = ("Failed to load resource", "htmx:", "Response Status Error Code")
SHORT_MS = 1500


@contextmanager
def cut(desk: Desk) -> Iterator[None]:
    """No network, and whatever the browser says of that."""
    desk.context.set_offline(True)
    try:
        yield
    finally:
        desk.context.set_offline(False)


@contextmanager
def frozen(demo: Demo) -> Iterator[None]:
    """A web server that takes connections and answers nothing."""
    web = [process for name, process in demo.processes().items() if " serve" in name]
    every: list[psutil.Process] = [each for one in web for each in (one, *one.children())]
    for process in every:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in every:
            process.send_signal(signal.SIGCONT)


def end_session(desk: Desk) -> None:
    desk.context.clear_cookies(name="sessionid")


def sign_in_again(page: Page, name: str) -> None:
    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Account of")).to_be_visible()
    wait_for_scripts(page)


def compose(desk: Desk, staying: str) -> Page:
    """A notice with a reason for two chats, ready to be sent."""
    page = desk.let_in("sue")
    choose_staying(desk, staying)
    page.get_by_role("radio", name=re.compile(NOTICE)).check(force=True)
    page.get_by_text("Nickname and reason").click()
    page.get_by_label("Why").fill(REASON)
    page.get_by_label("Why").blur()
    expect(send_button(page)).to_have_text(re.compile("Send to 2 customers"))
    expect(send_button(page)).to_be_enabled()
    return page


def is_composed(page: Page) -> None:
    expect(page.locator(".selection [data-selection-count]")).to_have_text("2")
    expect(page.get_by_role("radio", name=re.compile(NOTICE))).to_be_checked()
    expect(page.get_by_label("Why")).to_have_value(REASON)
    expect(send_button(page)).to_be_enabled()


def sends(page: Page) -> int:
    """How many there are of this notice. All sends may be more than a page shows."""
    with page.context.expect_page() as opened:
        page.evaluate("window.open('/sends/?q=agent-soon')")
    listed = opened.value
    expect(listed.get_by_role("heading", level=1)).to_be_visible()
    count = listed.locator("main tbody tr", has_text=NOTICE).count()
    listed.close()
    return count


def kept(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "Object.keys(localStorage).filter(n => n.startsWith('unsaved'))"
    )
    return found


def write(desk: Desk, words: str, key: str = "agent-soon") -> Page:
    page = desk.page
    desk.go(f"/notices/{key}/edit/")
    wait_for_scripts(page)
    page.get_by_label("Text", exact=True).first.fill(words)
    return page


def saves(page: Page) -> None:
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Draft saved.")).to_be_visible()
    wait_for_scripts(page)  # which throw the kept copy away


def lose_answer(route: Route) -> None:
    """It does what is asked for, and nobody hears of it."""
    if route.request.method == "POST":
        route.fetch(max_redirects=0)
        route.abort()
    else:
        route.continue_()
