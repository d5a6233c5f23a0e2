"""Sending outlives the session, the line and the server: nothing is sent twice, and nothing is said
that nobody knows."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.pages.browsing import Desk
from tests.pages.interrupting import (
    NOTICE,
    SHORT_MS,
    compose,
    cut,
    end_session,
    frozen,
    is_composed,
    kept,
    lose_answer,
    sends,
    sign_in_again,
    write,
)
from tests.pages.test_in_browser import send_button, wait_for_scripts
from tests.support.axe import faults
from tests.support.demos import Demo

pytestmark = pytest.mark.browser


# --- While composing ------------------------------------------------------------------------------


def test_signed_out_while_composing(seated: Callable[..., Desk], staying: str) -> None:
    desk = seated()
    page = compose(desk, staying)
    end_session(desk)
    send_button(page).click()
    sign_in_again(page, "sue")

    said = page.get_by_text(f"Your send of “{NOTICE}” to 2 chats was not sent: you had been signed")
    expect(said).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Put it back").click()
    is_composed(page)
    send_button(page).click()
    expect(page.locator("[data-sent]")).to_be_visible()
    assert kept(page) == []
    page.reload()
    expect(page.get_by_role("heading", name="Compose")).to_be_visible()
    expect(page.locator("[data-unsaved-note]")).to_have_count(0)


def test_the_network_is_cut_while_composing(seated: Callable[..., Desk], staying: str) -> None:
    desk = seated()
    page = compose(desk, staying)
    before = sends(page)
    with cut(desk):
        send_button(page).click()
        expect(page.get_by_text("Nobody knows yet whether")).to_be_visible()
        is_composed(page)
        assert "Nothing was" not in page.locator("body").inner_text()
        assert faults(page) == []
    expect(page.get_by_text("So far the console has not taken it.")).to_be_visible()
    send_button(page).click()
    expect(page.locator("[data-sent]")).to_be_visible()
    assert sends(page) == before + 1


def test_the_server_hangs_while_composing(
    seated: Callable[..., Desk], staying: str, demo: Demo
) -> None:
    """What it took from the line before it hung it does when it goes on, and that once."""
    desk = seated()
    page = compose(desk, staying)
    before = sends(page)
    page.evaluate(f"htmx.config.timeout = {SHORT_MS}")
    with frozen(demo):
        send_button(page).click()
        expect(page.get_by_text("Nobody knows yet whether")).to_be_visible()
        is_composed(page)
        send_button(page).click()  # whoever is impatient
        expect(page.get_by_text("Nobody knows yet whether")).to_be_visible()
        page.evaluate("htmx.config.timeout = 30000")  # what is asked from now on is answered
    expect(page.locator("[data-sent]")).to_be_visible()
    assert sends(page) == before + 1


def test_the_answer_to_a_send_is_lost(seated: Callable[..., Desk], staying: str) -> None:
    desk = seated()
    page = compose(desk, staying)
    before = sends(page)

    page.route("**/sends/new/", lose_answer)
    send_button(page).click()
    expect(page.get_by_text("Nobody knows yet whether")).to_be_visible()
    page.get_by_role("button", name="Find out").click()
    expect(page.locator("[data-sent]")).to_be_visible()
    assert sends(page) == before + 1
    assert kept(page) == []


def test_a_lost_answer_is_found_when_the_board_opens_again(
    seated: Callable[..., Desk], staying: str
) -> None:
    desk = seated()
    page = compose(desk, staying)
    before = sends(page)

    page.route("**/sends/new/", lose_answer)
    page.route("**/board/sent/**", lambda route: route.abort())
    send_button(page).click()
    expect(page.get_by_text("Nobody knows yet whether")).to_be_visible()
    page.unroute_all()
    page.reload()
    expect(page.get_by_text(re.compile("It was taken, as send \\d+"))).to_be_visible()
    assert sends(page) == before + 1
    assert kept(page) == []


def test_a_proxy_that_answers_for_a_dead_server(seated: Callable[..., Desk], staying: str) -> None:
    desk = seated()
    page = compose(desk, staying)
    page.route("**/sends/new/", lambda route: route.fulfill(status=502, body="Bad gateway"))
    send_button(page).click()
    expect(page.get_by_text("Nobody knows yet whether")).to_be_visible()
    is_composed(page)


# --- The line -------------------------------------------------------------------------------------


def test_a_server_that_says_nothing_is_stale(seated: Callable[..., Desk], demo: Demo) -> None:
    desk = seated()
    page = desk.let_in("sue")
    page.clock.install()
    desk.go("/board/")
    wait_for_scripts(page)
    band = page.get_by_text(re.compile("Connection lost. What you see is as of"))
    with frozen(demo):
        page.clock.fast_forward(10_000)  # 25 s are too long, and seconds of the test come to these
        expect(band).to_be_hidden()
        page.clock.fast_forward(16_000)
        expect(band).to_be_visible()
        waiting = page.locator("[data-since]").first
        stands = waiting.inner_text()
        page.clock.run_for(3_000)
        expect(waiting).to_have_text(stands)
    expect(band).to_be_hidden()


SCREENS = ((390, 844), (1024, 768), (1440, 900))
PRESSED = "[data-send-button], .compose__send button, .editor__foot button, .dialog__foot button"
COVERED = """selector => {
  const shown = document.querySelector('.toast:not([hidden])');
  if (!shown) return null;
  const toast = shown.getBoundingClientRect();
  return [...document.querySelectorAll(selector)].filter((button) => {
    const box = button.getBoundingClientRect();
    return box.width && box.left < toast.right && toast.left < box.right
      && box.top < toast.bottom && toast.top < box.bottom;
  }).map((button) => button.outerHTML);
}"""


def test_no_toast_covers_what_is_pressed_next(seated: Callable[..., Desk], staying: str) -> None:
    for person in ("sue", "eddy"):
        for width, height in SCREENS:
            desk = seated(viewport={"width": width, "height": height})
            page = desk.let_in(person)
            page.route("**/preview/", lambda route: route.abort())
            if person == "eddy":
                write(desk, f"At {width} px")
            else:
                desk.go(f"/board/?q={staying}")
                wait_for_scripts(page)
                page.locator("#board-rows .pick").first.check()
                if width < 1000:
                    page.locator(".selection [data-open-compose]").click()
            # As soon as there is one: it goes by itself.
            covered = page.wait_for_function(COVERED, arg=PRESSED).json_value()
            assert covered == [], width
