"""What axe and a ruler find wrong with the pages in a real Chromium, on the running demo: nothing.

Each page of each role, with the longest words that people write, in windows of several widths, as
they are at 100 % and at 200 %, in light and dark. And what pages become while people use them."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Page, Route, expect

from tests.pages.browsing import Desk, listen_for_failures, look_at
from tests.pages.layout import PHONE, SIZES, faults
from tests.pages.test_in_browser import (
    choose_notice,
    choose_staying,
    send_button,
    wait_for_scripts,
)
from tests.support import axe
from tests.support.axe import Looks
from tests.support.demos import Demo, manage

pytestmark = pytest.mark.browser

NOWHERE = "/no-such-page/"
# Those in braces are of tests.pages.long_content.
PAGES = {
    "": ["/accounts/login/", NOWHERE],
    "sue": [
        *("/board/views/new/", "/board/?audience=queue:", "/board/?audience=no:agent"),
        *("/board/", "/board/?q=zebra", "/sends/", "/sends/?status=paused", "/history/", "/help/"),
        *("{send}", "{delivery}", "{notice}", "/account/", "/account/password/", "/people/"),
        *("/account/second-factor/", NOWHERE, "/search/", "/search/?q=an"),
        "/chats/0001TESTCHAT0001/",
    ],
    "eddy": [
        *("/notices/", "/notices/?show=most_used", "/notices/?q=zebra", "/notices/new/", "{draft}"),
        *("{settings}", "{compare}", "/presets/", "/presets/new/", "/presets/1/", "/categories/"),
        *("/categories/new/", "/notices/import/", "{import}", "/notices/export/"),
        "/notices/agent-soon/versions/1/test/",
    ],
    "anna": ["/notices/", "/notices/holiday-hours/", "{in_review}", "/sends/approvals/"],
    "audrey": [
        *("/audit/", "/audit/?action=zebra", "/audit/proof/", "/history/?q=zebra", "/history/"),
        *("/history/?q=2025&period=this_year", "/history/counts/"),
        *("/history/columns/", "/history/searches/new/?status=failed"),
        *("/exports/", "{export}", "{export_in_work}"),
    ],
    "adam": [
        *("/notices/", "/notices/new/", "/presets/"),
        *("/chat-servers/", "/chat-servers/new/", "/chat-servers/chat-east/edit/", "/sending/"),
        *("/operations/", "/webhooks/", "/webhooks/new/", "{webhook}", "/erase/", "/people/"),
        *("/people/new/", "/people/1/", "/people/1/password/", "/teams/", "/teams/new/", "{team}"),
        *("/api-clients/?q=zebra", "/api-clients/", "/api-clients/1/", "/test-chats/"),
    ],
}
# Those of them that answer with an error, as they have to.
REFUSED_TO = {"": (NOWHERE,), "sue": (NOWHERE, "/people/")}
REFUSED = ("404 (Not Found)", "403 (Forbidden)", "422 (Unprocessable", "429 (Too Many")


@pytest.fixture(scope="module")
def long(demo: Demo) -> Iterator[dict[str, str]]:
    """The demo with long titles, keys, names, queues and addresses; the pages that have them."""
    yield json.loads(_in_the_demo(demo, "fill"))
    _in_the_demo(demo, "empty")


def _in_the_demo(demo: Demo, what: str) -> str:
    words = f"from tests.pages import long_content; long_content.{what}()"
    done = manage("shell", "--no-imports", "-c", words, data=demo.data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def forgive_refusals(desk: Desk) -> None:
    """The browser tells of each answer that is no success; here they are asked for."""
    desk.complaints = [
        each for each in desk.complaints if not any(words in each for words in REFUSED)
    ]


@pytest.mark.parametrize("person", PAGES)
def test_each_page_lies_right_in_each_window(
    person: str, sit_down: Callable[..., Desk], long: dict[str, str]
) -> None:
    desk = sit_down()
    if person:
        desk.sign_in(person)
    found: dict[str, list[str]] = {}
    failed = listen_for_failures(desk)
    looks = Looks()
    for path in PAGES[person]:
        wrong = look_at(desk, path.format_map(long), failed)
        found[path] = faults(desk.page, looks=looks)
        if path not in REFUSED_TO.get(person, ()):
            found[path] += wrong
    forgive_refusals(desk)

    assert {path: each for path, each in found.items() if each} == {}


def test_while_a_notice_is_composed_and_sent(
    sit_down: Callable[..., Desk], staying: str, long: dict[str, str]
) -> None:
    """Compose with its preview, also as a sheet; a send that holds, one that is over, and a
    delivery."""
    desk = sit_down()
    page = desk.let_in("sue")
    choose_staying(desk, staying)
    choose_notice(page, "agent will be")
    page.locator(".presets").get_by_text("Staff only").click()
    expect(send_button(page)).to_contain_text("Send to staff in")
    assert faults(page) == []
    with_sheet(page)

    send_button(page).click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert axe.faults(page) == []
    page.get_by_role("link", name="Open this send").click()
    expect(page.locator(".send__state")).to_contain_text("Finished")
    assert faults(page) == []
    page.locator("#deliveries tbody a").first.click()
    expect(page.get_by_role("heading", name="The request")).to_be_visible()
    assert axe.faults(page) == []

    # All that are there, of whom some have no value that this one needs.
    desk.go("/board/")
    wait_for_scripts(page)
    page.get_by_label("Select all that are shown").check()
    page.locator("#compose [type=radio][value=delivery-delayed]").check(force=True)
    expect(page.locator("#preview")).to_contain_text("skipped")
    assert faults(page) == []


def with_sheet(page: Page) -> None:
    """In a narrow window Compose is a sheet over the list, which stays in sight."""
    page.set_viewport_size({"width": PHONE, "height": SIZES[PHONE]})
    sheet = page.locator("[data-compose-panel]")
    if not sheet.is_visible():
        page.locator("[data-open-compose]").click()
    expect(sheet).to_be_visible()
    assert faults(page, [PHONE]) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def test_what_opens_over_a_page(sit_down: Callable[..., Desk], long: dict[str, str]) -> None:
    """The palette, a person's own menu, the navigation of narrow windows, a question, data of the
    trail, and what says that something was done."""
    desk = sit_down()
    page = desk.let_in("adam")
    desk.go("/sending/")
    wait_for_scripts(page)
    page.keyboard.press("Control+k")
    expect(page.locator("#jump")).to_be_visible()
    assert faults(page, (1440, PHONE)) == []
    page.keyboard.press("Escape")

    page.locator("[popovertarget=account]").click()
    expect(page.locator("#account")).to_be_visible()
    assert faults(page, (1440, PHONE)) == []
    page.keyboard.press("Escape")

    page.set_viewport_size({"width": PHONE, "height": SIZES[PHONE]})
    page.locator("[popovertarget=nav]").click()
    expect(page.locator("#nav")).to_be_visible()
    assert faults(page, [PHONE]) == []
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1440, "height": 900})

    page.locator("#switch .button--danger").click()
    expect(page.locator("#question")).to_be_visible()
    assert faults(page, (1440, PHONE)) == []
    page.keyboard.press("Escape")

    desk.go("/chat-servers/chat-east/edit/")
    page.locator("main .button--primary").click()
    expect(page.locator("[data-toasts] > *")).to_be_visible()
    assert faults(page, (1440, PHONE)) == []

    auditor = sit_down()
    auditor.let_in("audrey")
    auditor.go("/audit/")
    auditor.page.locator("[popovertarget^=entry]").first.click()
    expect(auditor.page.locator(".entry:popover-open")).to_be_visible()
    assert faults(auditor.page, (1440, PHONE)) == []


def test_what_pages_say_when_something_is_wrong(
    sit_down: Callable[..., Desk], long: dict[str, str]
) -> None:
    """Forms that were refused, sending that is stopped, a connection that is lost, too many
    requests, and a console in trouble."""
    desk = sit_down()
    page = desk.let_in("adam")
    for path in ("/people/new/", "/webhooks/new/"):
        desk.go(path)
        page.locator("main form [name]:not([type=hidden], [type=checkbox])").first.fill("")
        page.locator("main .button--primary").click()
        expect(page.locator("[aria-invalid=true]").first).to_be_visible()
        assert faults(page, (1440, PHONE)) == []
    page.locator("[data-stale-band]").evaluate(
        """(band) => {
          band.hidden = false;
          const words = band.querySelector("[data-stale-text]");
          words.textContent = words.dataset.staleText ?? words.textContent;
        }"""
    )
    assert faults(page, (1440, PHONE)) == []

    desk.go("/sending/stop/")
    page.locator("main [name=reason]").fill("Nobody knows yet what it is. " * 6)
    page.locator("main form .button--danger").click()
    expect(page.locator(".band--stopped")).to_be_visible()
    assert faults(page) == []
    desk.go("/sending/restart/")
    page.locator("main form .button--primary").click()
    expect(page.locator(".band--stopped")).to_have_count(0)

    def answer(route: Route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        route.fulfill(status=200, content_type="text/html", body=render_to_string(f"{name}.html"))

    page.route("**/answers/*", answer)
    for status in ("429", "500"):
        desk.go(f"/answers/{status}")
        assert faults(page, (1440, PHONE)) == []
    forgive_refusals(desk)


def test_those_without_a_text_are_left_out_and_taken_back(
    sit_down: Callable[..., Desk], demo: Demo
) -> None:
    """By keyboard, and axe finds nothing on the way; nothing is sent."""
    desk = sit_down()
    page = desk.sign_in("sue")
    minute = timedelta(minutes=1)
    with (
        demo.chat("0001GAP1", waiting=minute, locale="en-GB", FirstName="Ann", LastName="Gapless"),
        demo.chat("0001GAP2", waiting=minute, locale="pl", FirstName="Ola", LastName="Gapless"),
        demo.chat("0001GAP3", waiting=minute, locale="", FirstName="Kim", LastName="Gapless"),
    ):
        choose_staying(desk, "Gapless")
        choose_notice(page, "agent will be")
        expect(page.get_by_text("1 of 3 gets English: no Polish text")).to_be_visible()
        expect(page.get_by_text("1 chat says no language: it gets English")).to_be_visible()
        assert faults(page) == []

        others = page.locator("#leave-out-other_language")
        others.focus()
        page.keyboard.press("Space")
        expect(page.get_by_text("Left out: 1 chat for which")).to_be_visible()
        expect(send_button(page)).to_contain_text("Send to 2 customers")
        expect(others).to_be_focused()
        expect(others).to_be_checked()
        assert faults(page) == []

        page.keyboard.press("Space")
        expect(send_button(page)).to_contain_text("Send to 3 customers")
        expect(others).not_to_be_checked()


def test_axe_finds_nothing_on_a_first_day(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    page = desk.let_in("adam")
    desk.go("/api-clients/new/")
    page.get_by_label("Name").fill("Night shift")
    page.get_by_label("Send notices").check()
    page.get_by_label("Notices that it may send").fill("*")
    page.get_by_label("Addresses that it may call from").fill("*")
    page.get_by_role("button", name="Create it").click()
    expect(page.get_by_role("link", name="I have it")).to_be_visible()
    assert faults(page, (1440, PHONE)) == []
    page.get_by_role("link", name="I have it").click()
    wait_for_scripts(page)
    page.get_by_role("link", name="New token").click()
    expect(page.get_by_role("dialog")).to_contain_text("The old token")
    assert axe.faults(page) == []
    page.get_by_role("button", name="Make a new token").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("The old token ends")).to_be_visible()

    desk.go("/people/new/")
    page.get_by_label("User name").fill("nina")
    password = page.get_by_label("Password").input_value()
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nina")
    first_day = sit_down()
    first_day.go("/accounts/login/")
    first_day.page.get_by_label("Name").fill("nina")
    first_day.page.get_by_label("Password").fill(password)
    first_day.page.get_by_role("button", name="Sign in").click()
    first_day.go("/sends/")
    expect(first_day.page.get_by_role("heading", level=1)).to_have_text("Change your password")
    assert axe.faults(first_day.page) == []
