"""The browser's notes and the tab's title, in a real Chromium, beside a web server and a worker."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from console.accounts.models import User
from console.catalogue.models import VisibilityPreset
from console.catalogue.review.presets import preset_create
from console.notifications.services import preferences_update
from tests.support.demos import Program
from tests.support.preset_proposals import approve_seen
from tests.support.serving import Server, shared_server
from tests.support.signing_in import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The real notes, each also written down. A Chromium without a window has no place for notes, so it
# says "denied" of a permission that it has been granted: here it says what it was given. A tab that
# the test puts away is as one behind another, since it shows all its tabs at once.
WRITES_DOWN = """
window.noted = [];
let permission = "{state}";
const Real = window.Notification;
window.Notification = class extends Real {
  static get permission() { return permission; }
  static async requestPermission() { return (permission = "granted"); }
  constructor(title, options) {
    super(title, options);
    window.noted.push({ title, ...options, shown: this });
  }
};
let away = false;
Object.defineProperty(Document.prototype, "hidden", { get: () => away });
window.putAway = (is) => {
  away = is;
  document.dispatchEvent(new Event("visibilitychange"));
};
"""

server = shared_server(CONSOLE_HTTPS="0")


@pytest.fixture(autouse=True, scope="module")
def _database_beside_the_browser() -> Iterator[None]:
    """Playwright keeps an event loop in this thread, and Django would refuse its database there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(scope="module")
def worker(server: Server) -> Iterator[None]:
    known: dict[str, Any] = server.settings
    running = Program("worker", data=server.data, **known)
    try:
        running.says("Worker ready")
        yield
    finally:
        running.close()


@pytest.fixture
def sit_down(
    browser: Browser, server: Server, worker: None
) -> Iterator[Callable[..., BrowserContext]]:
    """A browser in which this person is signed in."""
    opened: list[BrowserContext] = []

    def sit(user: User, *permissions: str) -> BrowserContext:
        client = sign_in(Client(), user)
        name = settings.SESSION_COOKIE_NAME
        context = browser.new_context(base_url=server.address, permissions=list(permissions))
        state = "granted" if "notifications" in permissions else "default"
        context.add_init_script(WRITES_DOWN.replace("{state}", state))
        context.add_cookies(
            [{"name": name, "value": client.cookies[name].value, "url": server.address}]
        )
        opened.append(context)
        return context

    yield sit
    for context in opened:
        context.close()


def open_page(context: BrowserContext, path: str = "/presets/") -> Page:
    page = context.new_page()
    with page.expect_request(lambda request: "/events/" in request.url):
        page.goto(path)
    return page


def propose(editor: User, name: str) -> VisibilityPreset:
    return preset_create(editor.to_actor(), name=name, visibility="INT", nickname="Nick of staff")


def noted(page: Page) -> list[dict[str, str]]:
    return page.evaluate("noted.map(({ title, body, tag }) => ({ title, body, tag }))")


def wait_for_notes(page: Page, number: int) -> None:
    page.wait_for_function("(number) => noted.length >= number", arg=number)


def test_a_note_says_what_is_new_and_leads_to_it(
    sit_down: Callable[..., BrowserContext], approver: User, editor: User
) -> None:
    page = open_page(sit_down(approver, "notifications"), "/notices/")
    expect(page).to_have_title("Notices · Notice Console")
    preset = propose(editor, "Desk")
    wait_for_notes(page, 1)
    (note,) = noted(page)
    assert note["title"] == "A visibility preset awaits review"
    assert note["body"] == "Eddy proposes the visibility preset “Desk”"
    expect(page).to_have_title("(1) Notices · Notice Console")
    for secret in ("Nick of staff", "INT"):
        assert secret not in str(note)

    page.evaluate("noted[0].shown.dispatchEvent(new Event('click'))")
    page.wait_for_url("**/presets/")
    expect(page).to_have_title("(1) Visibility presets · Notice Console")
    assert noted(page) == []  # the next page does not say it again

    approve_seen(approver.to_actor(), preset)
    expect(page).to_have_title("Visibility presets · Notice Console")


def test_without_permission_only_the_title_says_it(
    sit_down: Callable[..., BrowserContext], approver: User, editor: User
) -> None:
    page = open_page(sit_down(approver))
    propose(editor, "Desk")
    expect(page).to_have_title("(1) Visibility presets · Notice Console")
    assert noted(page) == []


def test_whoever_declines_the_browser_sees_only_the_number(
    sit_down: Callable[..., BrowserContext], approver: User, editor: User
) -> None:
    preferences_update(approver.to_actor(), declined=["preset.submitted browser"])
    page = open_page(sit_down(approver, "notifications"))
    propose(editor, "Desk")
    expect(page).to_have_title("(1) Visibility presets · Notice Console")
    assert noted(page) == []


def test_of_many_tabs_one_speaks_also_where_all_are_behind_others(
    sit_down: Callable[..., BrowserContext], approver: User, editor: User
) -> None:
    context = sit_down(approver, "notifications")
    first, second = open_page(context), open_page(context, "/notices/")
    propose(editor, "Desk")
    wait_for_notes(first, 1)
    expect(second).to_have_title("(1) Notices · Notice Console")
    assert noted(second) == []

    for page in (first, second):
        page.evaluate("putAway(true)")
    propose(editor, "Night")
    wait_for_notes(first, 2)
    assert noted(first)[1]["body"].endswith("“Night”")
    assert noted(second) == []

    first.close()  # then the other one speaks
    propose(editor, "Dawn")
    wait_for_notes(second, 1)
    assert [note["body"][-6:] for note in noted(second)] == ["“Dawn”"]


def test_a_tab_behind_others_follows_nothing_but_what_it_says(
    sit_down: Callable[..., BrowserContext], approver: User
) -> None:
    page = open_page(sit_down(approver, "notifications"))
    with page.expect_request(lambda request: "/events/" in request.url) as following:
        page.evaluate("putAway(true)")
    asked = parse_qs(urlsplit(following.value.url).query)
    assert set(asked) == {"topic", "since"}
    assert asked["topic"] == ["waiting"]
    silent = sit_down(approver)
    other = open_page(silent)
    with other.expect_event("requestfailed", lambda request: "/events/" in request.url):
        other.evaluate("putAway(true)")


def test_the_browser_is_asked_by_a_click(
    sit_down: Callable[..., BrowserContext], approver: User
) -> None:
    page = open_page(sit_down(approver), "/account/notifications/")
    section = page.locator("[data-notifications]")
    expect(section.get_by_text("Allowed in this browser.")).to_be_hidden()
    section.get_by_role("button", name="Let this browser show notes").click()
    expect(section.get_by_text("Allowed in this browser.")).to_be_visible()
    expect(section.get_by_role("button")).to_be_hidden()
    allowed = open_page(sit_down(approver, "notifications"), "/account/notifications/")
    expect(allowed.get_by_text("Allowed in this browser.")).to_be_visible()


def test_whoever_decides_on_nothing_follows_nothing(
    sit_down: Callable[..., BrowserContext], editor: User, approver: User
) -> None:
    page = open_page(sit_down(editor, "notifications"), "/notices/")
    assert page.locator("#waiting").count() == 0
    page.goto("/account/notifications/")
    expect(page.locator("main")).to_contain_text("there is nothing to choose")
