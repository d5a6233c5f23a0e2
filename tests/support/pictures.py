"""The pictures in docs/images, taken anew of a fresh demo: `make pictures`. No test looks at them.

They show names in many scripts, so the machine needs fonts for them (such as Noto with CJK)."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from tests.support.browsing import FLAGS, WAIT_MILLISECONDS, chromium_path, sign_in
from tests.support.demos import ROOT, Demo, data_folder, manage

IMAGES = ROOT / "docs" / "images"
CHATS = 40
# A second version of a demo's notice, for the page that compares two.
SECOND_VERSION = """
from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from django.utils.dateparse import parse_datetime
first = NoticeVersion.objects.get(notice__key="long-wait")
eddy = User.objects.get(username="eddy").to_actor()
text = first.bodies["en"].replace("is busier", "is much busier").replace("today", "this week")
bodies = {**first.bodies, "en": text.replace("queue", "line")}
version_submit(eddy, version_create(eddy, first.notice, VersionContent(
    default_locale="en", bodies=bodies, nickname=first.nickname,
    preset=first.preset, valid_from=parse_datetime("%s"), change_note="Shorter")))
"""


def board(page: Page) -> None:
    """Four who wait longest, and what each would get."""
    page.goto("/board/")
    expect(page.locator("[data-theme-switch]")).to_be_visible()
    boxes = page.locator("#board-rows .pick")
    for number in range(4):
        boxes.nth(number).check()
    page.locator("#compose [type=radio][value=delivery-delayed]").check(force=True)
    expect(page.locator("[data-send-button]")).to_be_enabled()
    page.mouse.move(0, 0)


def editor(page: Page) -> None:
    page.goto("/notices/agent-soon/edit/")
    expect(page.locator("main")).to_contain_text("Hello Zoë")


def review(page: Page) -> None:
    page.goto("/notices/holiday-hours/")


def compare(page: Page) -> None:
    page.goto("/notices/long-wait/compare/?from=1&to=2")


def outage(page: Page) -> None:
    """An incident runs, and everybody whom it reached first has its text."""
    page.goto("/playbooks/orders-down/start/")
    if page.url.endswith("/start/"):
        page.get_by_label("What happened").fill("The order system does not answer since 10:00.")
        page.get_by_role("button", name="Start “Orders").click()
        page.wait_for_url("**/incidents/*/")
    now = page.locator(".stages__one--now")
    expect(now.locator(".status--delivered")).not_to_have_text("reached 0")
    expect(now.locator(".status--sending")).to_have_count(0)
    expect(page.locator("[data-toasts] > *")).to_have_count(0)


def audience(page: Page) -> None:
    """Conditions as a text and as rows, above those whom they mean."""
    outage(page)
    page.goto(
        f"/board/?audience={quote('queue:sales (waiting>3m or no:agent) not language:ja,zh')}"
    )
    expect(page.locator("[data-theme-switch]")).to_be_visible()
    page.get_by_role("button", name="Conditions").click()
    expect(page.locator("#audience-builder .builder__row").first).to_be_visible()
    page.mouse.move(0, 0)


def chat(page: Page) -> None:
    outage(page)
    page.goto(f"/board/?audience={quote('language:en,fr,es received:notice/long-wait')}")
    page.locator("#board-rows [href^='/chats/']").first.click()
    expect(page.locator("[data-theme-switch]")).to_be_visible()
    page.mouse.move(0, 0)


SCENES: dict[str, tuple[str, int, int, Callable[[Page], None]]] = {
    "board": ("sue", 1360, 850, board),
    "editor": ("eddy", 1280, 860, editor),
    "review": ("anna", 1280, 860, review),
    "compare": ("eddy", 1440, 923, compare),
    "incident": ("sue", 1280, 860, outage),
    "audience": ("sue", 1360, 850, audience),
    "chat": ("sue", 1280, 780, chat),
}


def take() -> None:
    """All of them, or those that PICTURES names."""
    names = os.environ.get("PICTURES", "").split() or list(SCENES)
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with data_folder() as folder, sync_playwright() as playwright:
        running = Demo(data=folder, sessions=CHATS)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        try:
            address = running.address
            later = (datetime.now(UTC) + timedelta(days=40)).replace(hour=9, minute=0, second=0)
            words = SECOND_VERSION % later.isoformat()
            done = manage("shell", "--no-imports", "-c", words, data=folder)
            assert done.returncode == 0, done.stderr
            for name in names:
                person, width, height, scene = SCENES[name]
                size: ViewportSize = {"width": width, "height": height}
                page = browser.new_page(base_url=address, viewport=size, color_scheme="light")
                page.goto("/accounts/login/")
                sign_in(page, person)
                scene(page)
                # Hiding the caret would need a style that the page's policy forbids.
                page.screenshot(path=IMAGES / f"{name}.png", caret="initial")
                page.context.close()
        finally:
            browser.close()
            running.close()
