"""Two people edit the same thing: what the second of them reads, on a desk and on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.pages.browsing import Desk
from tests.support.axe import faults

pytestmark = pytest.mark.browser
WIDTHS = (1440, 390)


def test_both_are_shown_side_by_side_and_can_be_read(sit_down: Callable[..., Desk]) -> None:
    first, second = sit_down(), sit_down()
    for desk in (first, second):
        desk.sign_in("adam")
    page, other = first.page, second.page
    first.go("/teams/new/")
    page.get_by_label("Name", exact=True).fill("Team of two")
    page.get_by_role("button", name="Create the team").click()
    expect(page.get_by_role("link", name="Team of two")).to_be_visible()
    for desk in (first, second):
        desk.go("/teams/")
        desk.page.get_by_role("link", name="Team of two").click()
    other.get_by_label("Name", exact=True).fill("Team of theirs")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_role("link", name="Team of theirs")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Team of mine")
    page.get_by_role("button", name="Save").click()
    both = page.get_by_role("region", name="Both texts")
    expect(both).to_contain_text("theirs")
    expect(both).to_contain_text("mine")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert faults(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Team of mine")).to_be_visible()
    # The one refusal that was wanted.
    first.complaints = [each for each in first.complaints if "422 (Unprocessable" not in each]
