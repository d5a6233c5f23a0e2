"""The pages in a real Chromium, against the running demo: keyboard, live refresh, accessibility."""

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.pages.browsing import Desk
from tests.support.axe import faults
from tests.support.browsing import Complaints

pytestmark = pytest.mark.browser


def choose_staying(desk: Desk, staying: str) -> None:
    """Both of them."""
    desk.go(f"/board/?q={staying}")
    wait_for_scripts(desk.page)
    desk.page.get_by_label("Select all that are shown").check()
    desk.page.keyboard.press("ArrowDown")


def rows(page: Page) -> Any:
    return page.locator("#board-rows tbody tr")


def wait_for_scripts(page: Page) -> None:
    """The switch of colours is there as soon as the modules run."""
    expect(page.locator("[data-theme-switch]")).to_be_visible()


def at_the_board(desk: Desk, q: str) -> Page:
    page = desk.let_in("sue")
    desk.go(f"/board/?q={q}")
    wait_for_scripts(page)
    return page


def choose_chats(page: Page, count: int, q: str = "") -> None:
    """By keyboard alone. Any of the demo's own chats may end at once; those that `q` finds are
    the test's."""
    page.goto("/board/?sort=waiting" + (f"&q={q}" if q else ""))
    expect(rows(page).first).to_be_visible()
    wait_for_scripts(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    for _ in range(count - 1):
        page.keyboard.press("Shift+ArrowDown")
    expect(page.locator(".selection [data-selection-count]")).to_have_text(str(count))


def choose_notice(page: Page, words: str) -> None:
    """Tests that send nothing take another one than those that do: a chat that has had a notice
    does not get it again within ten minutes."""
    page.keyboard.press("Enter")
    expect(page.get_by_label("Narrow the notices")).to_be_focused()
    page.keyboard.type(words)
    page.keyboard.press("Enter")


# Changes of the list are not heard any more.
HEAR_NOTHING = """
() => {
  for (const list of document.querySelectorAll("[data-live-rows]")) {
    list.removeAttribute("data-live-rows");
    list.removeAttribute("data-live-topic");
  }
}
"""


def send_button(page: Page) -> Any:
    return page.locator("[data-send-button]")


def test_the_keyboard_alone_sends_and_the_customer_reads_it(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    desk = sit_down()
    page = desk.let_in("sue")
    choose_chats(page, 2, q=staying)
    choose_notice(page, "agent will be")
    expect(send_button(page)).to_contain_text(re.compile(r"Send to \d customer"))

    page.keyboard.press("Control+Enter")
    expect(send_button(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".selection [data-selection-count]")).to_have_text("0")
    state = page.locator(".send__state")
    expect(state).to_contain_text("Finished")

    page.get_by_role("link", name="Open this send").click()
    delivered = page.locator("#deliveries tbody tr", has_text="Delivered").first
    delivered.get_by_role("link").first.click()
    text = page.locator(".body-text").inner_text()
    chat_id = page.locator(".facts [data-copy-text]").first.inner_text()
    desk.go(f"/demo/chats/{chat_id}/")
    expect(page.get_by_role("log")).to_contain_text(text)


def test_enter_in_a_field_sends_nothing(sit_down: Callable[..., Desk], staying: str) -> None:
    page = sit_down().let_in("sue")
    choose_chats(page, 2, q=staying)
    choose_notice(page, "busier than")
    expect(send_button(page)).to_be_enabled()

    page.get_by_text("Nickname and reason").click()
    page.get_by_label("Why").fill("a storm")
    page.keyboard.press("Enter")
    page.get_by_label("Nickname").press("Enter")

    expect(page.get_by_role("heading", name="Compose")).to_be_visible()
    assert "/board/" in page.url


def test_undo_while_it_holds(sit_down: Callable[..., Desk], staying: str) -> None:
    desk = sit_down()
    page = desk.let_in("sue")
    choose_staying(desk, staying)
    choose_notice(page, "agent will be")
    send_button(page).click()

    page.get_by_role("button", name="Undo").click()

    expect(page.locator(".send__state")).to_contain_text("0 of 2 delivered")
    expect(page.locator(".send__state .status--pill")).to_have_text("Cancelled")


def test_all_sending_is_stopped_and_open_pages_say_so_at_once(
    sit_down: Callable[..., Desk],
) -> None:
    sue = sit_down().sign_in("sue")
    office = sit_down()
    adam = office.let_in("adam")
    office.go("/sending/")
    band = sue.get_by_text("Sending is stopped for everybody.")
    wait_for_scripts(sue)

    adam.locator("main").get_by_role("link", name="Stop all sending").click()
    reason = adam.get_by_role("dialog").get_by_label("Why, in words for everybody")
    expect(reason).to_be_focused()
    assert faults(adam) == []
    reason.fill("a wrong text")
    adam.get_by_role("button", name="Stop all sending now").click()
    try:
        expect(band).to_be_visible()
        expect(send_button(sue)).to_be_in_viewport()  # the board makes room for the band
        assert faults(sue) == []
    finally:
        adam.locator("main").get_by_role("link", name="Start sending again").click()
        adam.get_by_role("dialog").get_by_role("button", name="Start sending again").click()
    expect(band).to_be_hidden()


def test_a_chat_server_is_held_and_released_and_open_pages_say_so_at_once(
    sit_down: Callable[..., Desk],
) -> None:
    desk = sit_down()
    sue = desk.sign_in("sue")
    desk.go("/operations/")
    office = sit_down()
    adam = office.sign_in("adam")
    office.go("/chat-servers/")
    said = sue.get_by_text("Adam Yılmaz: A drill of a browser's")
    wait_for_scripts(sue)

    adam.get_by_role("row", name="chat-west").get_by_role("link", name="Hold").click()
    reason = adam.get_by_role("dialog", name="Hold chat-west?").get_by_label("Why")
    expect(reason).to_be_focused()
    assert faults(adam) == []
    reason.fill("A drill of a browser's")
    adam.get_by_role("button", name="Hold it").click()
    try:
        expect(said).to_be_visible()
        assert faults(sue) == []
        assert faults(adam) == []
    finally:
        adam.get_by_role("link", name="Release").click()
        adam.get_by_role("dialog").get_by_role("button", name="Release it").click()
    expect(said).to_be_hidden()


def test_the_selection_stays_while_the_board_lives(sit_down: Callable[..., Desk]) -> None:
    page = sit_down().let_in("sue")
    choose_chats(page, 3)
    chosen = page.locator("#board-rows input:checked").evaluate_all("all => all.map(b => b.value)")

    # The demo's customers come and go: sooner or later something waits to be shown.
    show = page.get_by_role("button", name="Show", exact=True)
    expect(show).to_be_visible()
    marked = page.locator("#board-rows input:checked").evaluate_all("all => all.map(b => b.value)")
    assert set(marked) == set(chosen)
    page.evaluate(HEAR_NOTHING)  # or there may be more to show before anybody looks
    show.click()

    expect(show).to_be_hidden()
    expect(page.locator(".selection [data-selection-count]")).to_have_text("3")
    shown = page.locator("#board-rows tr[data-id]").evaluate_all(
        "all => all.map(r => r.dataset.id)"
    )
    marked = page.locator("#board-rows input:checked").evaluate_all("all => all.map(b => b.value)")
    assert set(marked) == set(chosen) & set(shown)


def test_the_button_waits_for_the_preview_of_what_was_chosen_last(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    """Between a new choice and its preview the button must not send what it does not say."""
    page = sit_down().let_in("sue")
    choose_chats(page, 2, q=staying)
    choose_notice(page, "busier than")
    expect(send_button(page)).to_have_text(re.compile(r"^\s*Send to \d customers?\s*$"))
    page.route("**/board/preview/", lambda route: None)  # the preview never comes

    page.locator(".presets").get_by_text("Staff only").click()

    expect(send_button(page)).to_be_disabled()


def test_what_is_opened_in_the_preview_stays_open(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    page = at_the_board(sit_down(), staying)
    page.locator("#board-rows .pick").nth(0).check()
    page.get_by_role("radio", name=re.compile("busier than")).check(force=True)
    who = page.locator(".preview__who").first
    who.locator("summary").click()
    expect(who).to_have_attribute("open", "")
    names = who.locator("li").count()
    with page.expect_response("**/preview/"):
        page.locator("#board-rows .pick").nth(1).check()
    expect(page.locator("#preview")).to_have_attribute("data-targets", "2")
    expect(who).to_have_attribute("open", "")
    assert page.locator("#preview .preview__who li").count() > names


def test_a_choice_made_while_a_preview_is_on_its_way_is_not_lost(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    page = sit_down().let_in("sue")
    choose_chats(page, 2, q=staying)
    held: list[tuple[Route, APIResponse]] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route("**/board/preview/", hold_first)
    choose_notice(page, "busier than")
    while not held:
        page.wait_for_timeout(10)

    # The first answer comes while the second question is still held back by its short delay.
    route, answer = held[0]
    page.locator(".presets").get_by_text("Staff only").click()
    route.fulfill(response=answer)

    expect(send_button(page)).to_have_text(re.compile(r"^\s*Send to staff in \d chats?\s*$"))


def test_a_broken_stream_is_said_and_the_page_stays_readable(
    sit_down: Callable[..., Desk], complaints: Complaints
) -> None:
    complaints.expect("ERR_FAILED")
    desk = sit_down()
    desk.context.route("**/events/**", lambda route: route.abort())
    page = desk.sign_in("sue")

    expect(page.get_by_text(re.compile(r"Connection lost. What you see is as of"))).to_be_visible()
    expect(rows(page).first).to_be_visible()
    desk.context.unroute("**/events/**")
    expect(page.locator("[data-stale-band]")).to_be_hidden()


def test_without_scripts_a_notice_can_be_sent(sit_down: Callable[..., Desk], staying: str) -> None:
    desk = sit_down(java_script_enabled=False)
    page = desk.sign_in_anew("sue")
    desk.go(f"/board/?q={staying}")
    for number in (0, 1):
        page.locator("#board-rows input.pick").nth(number).check()
    page.get_by_role("radio", name=re.compile("agent will be")).check(force=True)
    page.get_by_role("button", name="Preview").click()

    expect(page.locator(".preview__counts")).to_contain_text("ready")
    page.locator("[data-send-button]").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"Send \d+"))


def test_the_theme_is_kept(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down(color_scheme="light")
    page = desk.sign_in("sue")
    page.get_by_role("button", name="Colours: as the system").click()
    page.get_by_role("button", name="Colours: light").click()

    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(15, 18, 21)"


def test_jumping_to_a_page_by_keyboard(sit_down: Callable[..., Desk]) -> None:
    page = sit_down().sign_in("sue")
    wait_for_scripts(page)

    page.keyboard.press("Control+k")
    page.keyboard.type("histo")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("History")


STREAM_IN_THE_HAND_OF_THE_TEST = """
window.EventSource = class extends EventTarget {
  constructor(url) { super(); this.url = url; window.stream = this; }
  close() {}
};
"""


def test_what_a_page_loads_by_itself_keeps_no_session(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    desk.context.add_init_script(STREAM_IN_THE_HAND_OF_THE_TEST)
    page = desk.let_in("sue")
    desk.go("/board/")
    wait_for_scripts(page)
    with page.expect_request("**/board/rows/**") as by_itself:
        page.evaluate("stream.dispatchEvent(new MessageEvent('message', {data: 'board'}))")
    assert by_itself.value.headers["console-refresh"] == "1"
    with page.expect_request("**/board/rows/**") as by_sue:
        page.get_by_role("searchbox").first.fill("sales")
    assert "console-refresh" not in by_sue.value.headers


def test_a_change_during_a_refresh_is_not_lost(sit_down: Callable[..., Desk]) -> None:
    """Told of a change while the rows are on their way, the board asks once more."""
    desk = sit_down()
    desk.context.add_init_script(STREAM_IN_THE_HAND_OF_THE_TEST)
    page = desk.sign_in("sue")
    wait_for_scripts(page)
    tell = "stream.dispatchEvent(new MessageEvent('message', {data: 'board'}))"
    held: list[Route] = []
    page.route("**/board/rows/**", lambda route: held.append(route))
    page.evaluate(tell)
    while not held:
        page.wait_for_timeout(10)

    page.evaluate(tell)
    with page.expect_request("**/board/rows/**"):
        held[0].continue_()


def test_a_new_part_of_the_page_hears_what_changed_since_it_was_asked_for(
    sit_down: Callable[..., Desk],
) -> None:
    """The stream is exchanged for one that follows more: what came in between is not lost."""
    desk = sit_down()
    desk.context.add_init_script(STREAM_IN_THE_HAND_OF_THE_TEST)
    page = desk.let_in("sue")
    desk.go("/board/")
    wait_for_scripts(page)

    def since() -> int:
        return int(parse_qs(urlsplit(page.evaluate("stream.url")).query)["since"][0])

    of_the_page = since()
    page.evaluate("stream.dispatchEvent(new MessageEvent('alive', {data: '10'}))")
    held: list[Route] = []
    page.route("**/new-part/", lambda route: held.append(route))
    page.evaluate("() => void htmx.ajax('GET', '/new-part/', {target: 'main', swap: 'beforeend'})")
    while not held:
        page.wait_for_timeout(10)
    on_its_way = 1000 * time.time()
    page.wait_for_timeout(50)
    held[0].fulfill(body='<p id="new" data-live-topic="send-7">New</p>', content_type="text/html")
    page.wait_for_function("stream.url.includes('topic=send-7')")
    assert of_the_page < since() <= on_its_way


def test_what_was_chosen_before_the_scripts_came_is_previewed(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    """On a slow line one clicks before anything listens."""
    page = at_the_board(sit_down(), staying)
    held: list[Route] = []
    hold = held.append
    page.route("**/static/**/js/app.js", lambda route: hold(route))
    page.goto(page.url, wait_until="commit")
    for row in range(2):
        page.locator("tbody input[type=checkbox]").nth(row).click()
    # By its name: which one is the first depends on what she has sent last.
    page.get_by_role("radio", name=re.compile("busier than")).check(force=True)
    while not held:
        page.wait_for_timeout(10)

    # The page of before may have asked for it as well, if it was slow.
    hold = Route.continue_
    for route in held:
        route.continue_()

    expect(send_button(page)).to_have_text("Send to 2 customers")
    expect(send_button(page)).to_be_enabled()
