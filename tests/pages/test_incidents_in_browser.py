"""An incident in a real Chromium at the demo: from the board to the first delivered text, the next
stage and the end, once by mouse and once by keyboard alone."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.pages.browsing import Desk, listen_for_failures, look_at
from tests.pages.layout import faults
from tests.pages.test_in_browser import wait_for_scripts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

START = "/playbooks/orders-down/start/"
DELIVERY_MILLISECONDS = 30_000


class Mouse:
    """Clicks. `actions` are what a person did."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def press(self, role: Any, name: str) -> None:
        self.actions += 1
        self.page.get_by_role(role, name=name).first.click()

    def fill(self, label: str, text: str) -> None:
        self.actions += 1
        self.page.get_by_label(label).fill(text)


class Keyboard(Mouse):
    """Tab, Enter and typing: no mouse."""

    def press(self, role: Any, name: str) -> None:
        self.actions += 1
        self._go_to(self.page.get_by_role(role, name=name).first)
        self.page.keyboard.press("Enter")

    def fill(self, label: str, text: str) -> None:
        self.actions += 1
        self._go_to(self.page.get_by_label(label))
        self.page.keyboard.type(text)

    def _go_to(self, wanted: Any) -> None:
        expect(wanted).to_be_visible()
        for _each in range(150):
            if wanted.evaluate("(element) => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not come to {wanted}")


@pytest.fixture
def desk(sit_down: Callable[..., Desk]) -> Iterator[Desk]:
    """Sue's, and no incident runs afterwards."""
    desk = sit_down()
    desk.sign_in("sue")
    yield desk
    page = desk.page
    desk.go("/board/")
    for link in page.locator("#incident-strip h2 a").all():
        address = link.get_attribute("href")
        desk.go(f"{address}close/")
        page.get_by_label("How it ended").fill("The test is over.")
        page.get_by_role("button", name="Close it").click()
        page.wait_for_url(f"**{address}")
        desk.go("/board/")


@pytest.mark.parametrize("how", [Mouse, Keyboard])
def test_from_the_board_to_the_end(how: type[Mouse], desk: Desk) -> None:
    page = desk.page
    desk.go("/board/")
    wait_for_scripts(page)
    hand = how(page)
    hand.press("link", "Start an incident")
    hand.press("link", "Choose")
    page.wait_for_url(f"**{START}")
    wait_for_scripts(page)
    hand.fill("What happened", "The order system does not answer.")
    hand.press("button", "Start “Orders can't be looked up”")
    page.wait_for_url("**/incidents/*/")
    assert hand.actions <= 4
    reached = page.locator(".stages__one--now .status--delivered")
    expect(reached).to_contain_text("reached", timeout=DELIVERY_MILLISECONDS)
    expect(reached).not_to_have_text("reached 0", timeout=DELIVERY_MILLISECONDS)
    expect(page.locator("[data-due]")).to_contain_text("Next update due in")

    # A follow-up to the one chat that was first would be refused if that ends meanwhile.
    expect(page.locator(".stages__one--now .status--sending")).to_have_count(0)
    hand.press("link", "Start “Solved”")
    page.wait_for_url("**/stages/3/")
    hand.press("button", "Send “Solved” to")
    # If it is refused, the failure of this says why.
    expect(page.locator(".stages__one--now, .note--bad").first).to_contain_text("Solved")
    page.wait_for_url("**/incidents/*/")
    solved = page.locator(".stages__one--now")
    expect(solved).to_contain_text("Solved")
    # A chat that got this notice by another test a short while ago is skipped.
    expect(solved).to_contain_text(
        re.compile("reached [1-9]|[1-9][0-9]* skipped"), timeout=DELIVERY_MILLISECONDS
    )

    wait_for_scripts(page)
    hand.press("link", "Close")
    hand.fill("How it ended", "The order system was started again.")
    hand.press("button", "Close it")
    expect(page.locator(".incident__head")).to_contain_text("The order system was started again.")
    desk.go("/board/")
    expect(page.locator("#incident-strip")).to_be_hidden()


def test_two_supervisors_are_on_the_same_incident(
    desk: Desk, sit_down: Callable[..., Desk]
) -> None:
    other = sit_down()
    other.sign_in("sue")
    for each in (desk, other):
        each.go(START)
        each.page.get_by_label("What happened").fill("It is down.")
    desk.page.get_by_role("button", name="Start “Orders").click()
    desk.page.wait_for_url("**/incidents/*/")
    other.page.get_by_role("button", name="Start “Orders").click()
    other.page.wait_for_url("**/incidents/*/")
    assert other.page.url == desk.page.url
    expect(other.page.locator("body")).to_contain_text("started this playbook already")


def test_the_strip_comes_and_goes_by_itself(desk: Desk, sit_down: Callable[..., Desk]) -> None:
    watching = sit_down()
    watching.sign_in("sue")
    watching.go("/board/")
    wait_for_scripts(watching.page)
    strip = watching.page.locator("#incident-strip")
    expect(strip).to_be_hidden()
    desk.go(START)
    desk.page.get_by_label("What happened").fill("It is down.")
    desk.page.get_by_role("button", name="Start “Orders").click()
    desk.page.wait_for_url("**/incidents/*/")
    expect(strip).to_contain_text("Orders can't be looked up")
    expect(strip.get_by_role("link", name="Solved")).to_be_visible()
    address = desk.page.url
    desk.page.goto(f"{address}close/")
    desk.page.get_by_label("How it ended").fill("Done.")
    desk.page.get_by_role("button", name="Close it").click()
    expect(strip).to_be_hidden()


def test_the_pages_are_to_everybodys_use(desk: Desk, sit_down: Callable[..., Desk]) -> None:
    """In all widths, light and dark, as axe and a ruler see it."""
    desk.go(START)
    desk.page.get_by_label("What happened").fill("It is down.")
    desk.page.get_by_role("button", name="Start “Orders").click()
    desk.page.wait_for_url("**/incidents/*/")
    incident = desk.page.url.removeprefix(desk.address)
    paths = {
        "sue": [
            *("/board/", "/incidents/", "/incidents/new/", incident, f"{incident}stages/2/"),
            *(f"{incident}close/", "/playbooks/", "/playbooks/orders-down/"),
        ],
        "eddy": ["/playbooks/new/", "/playbooks/orders-down/edit/"],
        "adam": [incident],
    }
    wrong = {}
    for person, theirs in paths.items():
        seat = sit_down()
        seat.sign_in(person)
        failed = listen_for_failures(seat)
        for path in theirs:
            found = [*look_at(seat, path, failed), *faults(seat.page)]
            if found:
                wrong[f"{person} {path}"] = found
    assert wrong == {}, "\n".join(f"{path}: {fault}" for path in wrong for fault in wrong[path])
