"""The pages of incidents in a real Chromium at the demo. The whole way from the board to the end is
in test_outage_in_browser.py."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.pages.browsing import Desk, listen_for_failures, look_at
from tests.pages.layout import faults
from tests.pages.test_in_browser import wait_for_scripts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

START = "/playbooks/orders-down/start/"


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


def test_a_playbooks_audience_is_clicked_together(sit_down: Callable[..., Desk]) -> None:
    """By keyboard, and saved at once: what was typed last is in it."""
    seat = sit_down()
    seat.sign_in("eddy")
    seat.go("/playbooks/new/")
    page, keys = seat.page, seat.page.keyboard
    wait_for_scripts(page)
    text, rows = page.locator("#id_audience"), page.locator("#audience-builder .builder__row")
    opens = page.get_by_role("button", name="Conditions")
    opens.focus()
    keys.press("Enter")
    keys.press("Tab")
    keys.press("Enter")
    expect(rows).to_have_count(1)
    expect(rows.get_by_label("Field")).to_be_focused()
    value = rows.get_by_label("Value", exact=True)
    value.focus()
    expect(rows.locator("datalist option[value=returns]")).to_be_attached()
    keys.type("billing")
    keys.press("Enter")  # which saves nothing here
    expect(text).to_have_value("queue:billing")
    expect(page).to_have_url(re.compile("/playbooks/new/$"))
    keys.press("Escape")
    expect(page.locator("#audience-builder")).to_be_hidden()
    expect(opens).to_be_focused()

    text.fill("queue:billing waiting>5m")
    expect(rows).to_have_count(2)
    opens.click()
    rows.nth(1).get_by_label("Value", exact=True).fill("7m")
    # The page comes anew before the text has followed.
    page.get_by_role("button", name="Add a stage").click()
    expect(page.locator("#stage-2-name")).to_be_visible()
    expect(text).to_have_value("queue:billing waiting>7m")

    # Left and opened again, it is offered, and the rows follow.
    seat.go("/playbooks/")
    seat.go("/playbooks/new/")
    page.get_by_role("button", name="Put it back").click()
    expect(text).to_have_value("queue:billing waiting>7m")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Conditions").click()
    assert faults(page) == []


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
