"""The board while it lives: nothing moves under the hand of whoever works at it, and what they
have chosen is sent, whoever comes or goes meanwhile.

Longer, and with more chats: `make board` (BOARD_SECONDS, BOARD_CHATS, BOARD_SENDS).
"""

import os
import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from playwright.sync_api import Page, Route, expect

from tests.pages.browsing import Desk
from tests.pages.crowd import Crowd
from tests.pages.test_in_browser import HEAR_NOTHING, send_button, wait_for_scripts
from tests.support.axe import faults
from tests.support.demos import Demo, until

SECONDS = float(os.environ.get("BOARD_SECONDS", "9"))
CHATS = int(os.environ.get("BOARD_CHATS", "130"))
SENDS = int(os.environ.get("BOARD_SENDS", "3"))
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300 + 2 * SECONDS + 60 * SENDS)]

WIDTHS = {"wide": (1440, 900), "narrow": (390, 844)}

# Looks in each frame at what is the person's own, and notes each change that nobody asked for.
WATCH = """
() => {
  const scrollers = () => [document.scrollingElement, document.getElementById("board-scroll"),
    document.querySelector(".compose__fields")];
  const at = document.getElementById("board-scroll").getBoundingClientRect();
  const rowAt = () =>
    document.elementFromPoint(at.left + 60, at.top + at.height / 2)?.closest("tr");
  const all = (selector) => [...document.querySelectorAll(selector)].map((each) => each.value);
  const look = () => ({
    scroll: scrollers().map((each) => each?.scrollTop).join(),
    marked: [...all("#board-rows input:checked"), ...all("[data-selection-rest]")].sort().join(),
    typed: all("input:not([type=hidden], [type=checkbox], [type=radio])").join("|"),
    caret: document.activeElement.type === "text"
      ? `${document.activeElement.selectionStart}-${document.activeElement.selectionEnd}` : "",
    text: getSelection().toString(),
    row: rowAt()?.dataset.id,
    top: rowAt()?.getBoundingClientRect().top,
  });
  const first = look();
  const focused = document.activeElement;
  const swaps = window.boardRefreshes ?? 0;
  const watching = { moved: [], frames: 0, on: true };
  const frame = () => {
    if (!watching.on) return;
    watching.frames += 1;
    const now = look();
    for (const name of Object.keys(first)) {
      if (now[name] !== first[name] && watching.moved.length < 20) {
        watching.moved.push(`${name}: ${first[name]} became ${now[name]}`);
        first[name] = now[name];
      }
    }
    if (document.activeElement !== focused) watching.moved.push("focus");
    if (watching.moved.length > 20) return;
    requestAnimationFrame(frame);
  };
  frame();
  watching.refreshes = () => (window.boardRefreshes ?? 0) - swaps;
  window.watching = watching;
}
"""
COUNT_REFRESHES = """
document.addEventListener("DOMContentLoaded", () => {
  const count = () => { window.boardRefreshes = (window.boardRefreshes ?? 0) + 1; };
  document.addEventListener("rows:taken", ({ detail }) => {
    if (!detail.rows && detail.ids === undefined) return;
    count();
    window.boardFollowed = (window.boardFollowed ?? 0) + 1;
  });
  document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.requestConfig.elt.id === "board-rows") window.boardFollowed = 0;
  });
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.requestConfig.elt.id === "board-rows") count();
  });
});
"""


@pytest.fixture(scope="module")
def crowd(demo: Demo) -> Iterator[Crowd]:
    with Crowd(demo, CHATS) as crowd:
        yield crowd


def sit_at_the_board(
    sit_down: Callable[..., Desk], crowd: Crowd, size: tuple[int, int] = WIDTHS["wide"]
) -> Page:
    """With the crowd alone in the list."""
    desk = sit_down(viewport={"width": size[0], "height": size[1]})
    desk.context.add_init_script(COUNT_REFRESHES)
    page = desk.let_in("sue")
    desk.go(f"/board/?q={crowd.name}")
    wait_for_scripts(page)
    return page


def nothing_move(pages: list[Page], seconds: float) -> int:
    """While the pages live for so long, side by side. Answers how many refreshes that were."""
    for page in pages:
        page.evaluate(WATCH)
    pages[0].wait_for_timeout(seconds * 1000)
    for page in pages:
        until(partial(page.evaluate, "watching.refreshes() >= 3"))
    refreshes = 0
    for page in pages:
        seen = page.evaluate(
            "() => { watching.on = false; return {...watching, refreshes: watching.refreshes()}; }"
        )
        assert seen["moved"] == [], page.viewport_size
        refreshes += seen["refreshes"]
    return refreshes


def test_nothing_moves_by_itself(sit_down: Callable[..., Desk], crowd: Crowd) -> None:
    pages = {width: sit_at_the_board(sit_down, crowd, size) for width, size in WIDTHS.items()}

    # A focused row, and some that are chosen.
    for width, page in pages.items():
        boxes = page.locator("#board-rows input.pick")
        page.locator("#board-scroll").evaluate("list => { list.scrollTop = 1500; }")
        middle = boxes.nth(18 if width == "narrow" else 45)
        middle.scroll_into_view_if_needed()
        middle.focus()
        page.keyboard.press("x")
        page.keyboard.press("Shift+ArrowDown")
        page.keyboard.press("Shift+ArrowDown")
        expect(page.locator(".selection [data-selection-count]")).to_have_text("3")
    refreshes = nothing_move([*pages.values()], SECONDS / 3)

    # Text that is marked with the mouse: it stays marked, to be copied.
    for page in pages.values():
        page.evaluate("""() => {
            const name = document.activeElement.closest("tr").querySelector(".cut .cut");
            getSelection().selectAllChildren(name);
        }""")
    refreshes += nothing_move([*pages.values()], SECONDS / 3)

    # Somebody writes.
    for width, page in pages.items():
        if width == "narrow":
            page.get_by_role("button", name="Compose").click()
        page.get_by_text("Nickname and reason").click()
        page.get_by_label("Why").fill("A storm in the no")
        page.keyboard.press("ArrowLeft")
    refreshes += nothing_move([*pages.values()], SECONDS / 3)
    for page in pages.values():
        page.get_by_label("Why").press_sequentially("xyz")
        expect(page.get_by_label("Why")).to_have_value("A storm in the nxyzo")
    print(refreshes, "refreshes")


def test_large_sends_are_not_refused_for_chats_that_come_or_go(
    sit_down: Callable[..., Desk], crowd: Crowd
) -> None:
    page = sit_at_the_board(sit_down, crowd)
    refused = []
    for number in range(SENDS):
        if number:
            page.get_by_role("button", name="Compose another").click()
        bring_in_what_is_new(page)
        page.locator("[data-select-all]").check()
        if number % 2:
            page.get_by_role("button", name=re.compile("Select all")).click()
        page.get_by_role("radio", name=re.compile("agent will be")).check(force=True)
        if number:  # they had it a moment ago, and may have it again
            page.locator("#allow-repeat").check()
        many = re.compile(r"^\s*Send to (8[5-9]|9\d|\d{3}) customers\s*$")
        expect(send_button(page)).to_have_text(many)
        expect(send_button(page)).to_be_enabled()
        crowd.wait_for_moves(4)
        while words := press(page):
            refused.append(words)
    assert refused == []


def test_new_ones_stay_out_until_they_are_included(
    sit_down: Callable[..., Desk], crowd: Crowd
) -> None:
    page = sit_at_the_board(sit_down, crowd)
    page.locator("[data-select-all]").check()
    page.get_by_role("button", name=re.compile("Select all")).click()
    page.get_by_role("radio", name=re.compile("busier than")).check(force=True)
    expect(send_button(page)).to_have_text(re.compile(r"^\s*Send to \d+ customers\s*$"))
    words = send_button(page).inner_text()

    include = page.get_by_role("button", name=re.compile("^Include"))
    expect(include).to_be_visible()
    expect(send_button(page)).to_have_text(words)
    expect(send_button(page)).to_be_enabled()
    assert faults(page) == []
    with page.expect_response("**/board/preview/"):
        include.click()

    expect(send_button(page)).to_be_focused()
    expect(send_button(page)).to_be_enabled()


def test_what_is_chosen_next_stays_while_the_last_send_is_followed(
    sit_down: Callable[..., Desk], crowd: Crowd
) -> None:
    page = sit_at_the_board(sit_down, crowd)
    with crowd.still():
        shown = page.locator("#board-rows tbody tr").evaluate_all(
            "rows => rows.map((row) => row.dataset.id)"
        )
        # The page has not heard yet of whoever went just now.
        ids = [chat for chat in shown if chat in crowd.live()][60:62]
        for chat in ids:
            crowd.keep(chat)
    first, second = (page.locator(f"tr[data-id='{chat}'] input.pick") for chat in ids)
    first.check()
    page.get_by_role("radio", name=re.compile("busier than")).check(force=True)
    expect(send_button(page)).to_have_text("Send to 1 customer")
    assert press(page) == ""
    expect(page.locator(".selection [data-selection-count]")).to_have_text("0")

    second.check()
    page.locator(".send__state").evaluate(REFRESH)

    expect(page.locator(".selection [data-selection-count]")).to_have_text("1")


def bring_in_what_is_new(page: Page) -> None:
    """The list, which has waited while one composed. It may come by itself at this moment."""
    page.evaluate("""() => {
      const show = document.querySelector("[data-news-show]");
      if (show.checkVisibility()) show.click();
    }""")


def press(page: Page) -> str:
    """The button. Answers why nothing was sent, "" where it was."""
    send_button(page).click()
    refusal = page.locator("#compose [role=alert]")
    expect(page.locator("[data-sent]").or_(refusal)).to_be_visible()
    return refusal.inner_text() if refusal.count() else ""


def test_what_is_new_comes_when_it_is_asked_for_or_nobody_is_there(
    sit_down: Callable[..., Desk], crowd: Crowd
) -> None:
    page = sit_at_the_board(sit_down, crowd)
    first = page.locator("#board-rows tbody tr").first
    part = page.locator("#board-scroll")
    bar = page.locator("[data-news-text]")

    # Nobody is at the list: it follows by itself, and nothing waits.
    shown = page.locator("#board-rows tbody").evaluate("body => body.textContent")
    until(lambda: page.locator("#board-rows tbody").evaluate("body => body.textContent") != shown)
    expect(bar).to_be_hidden()
    assert first.evaluate("row => row.dataset.state === undefined")

    # Somebody reads further down: what has ended stays, and says so, until it is asked for.
    part.evaluate("list => { list.scrollTop = 1200; }")
    expect(page.locator("#board-rows tr[data-state=ended]").first).to_contain_text("ended")
    expect(bar).to_have_text(re.compile(r"\d+ ended"))
    reading = page.evaluate_handle(
        """() => {
          const list = document.getElementById("board-scroll").getBoundingClientRect();
          return document.elementFromPoint(list.left + 60, list.top + 60).closest("tr");
        }"""
    )
    top = "row => row.isConnected ? row.getBoundingClientRect().top : null"
    page.evaluate(HEAR_NOTHING)  # while it is looked at
    before = page.evaluate(top, reading)
    page.get_by_role("button", name="Show", exact=True).click()

    expect(page.locator("#board-rows tr[data-state]")).to_have_count(0)
    after = page.evaluate(top, reading)
    assert after is None or abs(after - before) <= 1
    assert page.evaluate("document.activeElement.matches('#board-rows input.pick')")


# Which rows stand in the list, as they look, without what counts on by itself.
SHOWN = """
async () => {
  const look = (root) => [...root.querySelectorAll("tbody:not([data-aside]) tr")].map((row) => {
    const copy = row.cloneNode(true);
    for (const clock of copy.querySelectorAll("[data-since], time")) clock.textContent = "";
    for (const box of copy.querySelectorAll("input")) box.removeAttribute("checked");
    return copy.outerHTML;
  });
  const list = document.getElementById("board-rows");
  const answer = await fetch(list.getAttribute("hx-get"), { headers: { "HX-Request": "true" } });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { shown: look(list), fresh: look(fresh), total: list.dataset.total,
    said: document.querySelector(".selection .push").textContent.trim(),
    freshTotal: fresh.getElementById("board-rows").dataset.total };
}
"""


def test_the_board_follows_without_loading_the_list(
    sit_down: Callable[..., Desk], crowd: Crowd
) -> None:
    """Row by row it comes to show what a page shows that is loaded anew."""
    page = sit_at_the_board(sit_down, crowd)
    # It loads when it came while chats changed, and when it has missed some on a busy machine.
    until(partial(page.evaluate, "window.boardFollowed >= 6"))

    def is_the_same() -> bool:
        seen = page.evaluate(SHOWN)
        numbers = seen["total"] == seen["freshTotal"] and seen["total"] in seen["said"]
        return bool(numbers and seen["shown"] == seen["fresh"])

    with crowd.still():
        until(is_the_same)


STREAM_OF_THE_TEST = """
window.EventSource = class extends EventTarget {
  constructor(url) { super(); this.url = url; window.stream = this; }
  close() {}
};
window.tell = (said) =>
  stream.dispatchEvent(new MessageEvent("rows", { data: JSON.stringify(said) }));
"""


def test_a_board_that_missed_some_says_so_and_catches_up(sit_down: Callable[..., Desk]) -> None:
    desk = sit_down()
    desk.context.add_init_script(STREAM_OF_THE_TEST)
    page = desk.let_in("sue")
    desk.go("/board/?sort=customer")
    wait_for_scripts(page)
    assert "rows=sort%3Dcustomer" in page.evaluate("stream.url")
    words = page.get_by_text("Changes were missed. The list is loaded anew.")
    expect(words).to_be_hidden()
    held: list[Route] = []
    page.route("**/board/rows/**", lambda route: held.append(route))
    page.evaluate("tell({ missed: true })")
    expect(words).to_be_visible()
    until(lambda: bool(held) or page.wait_for_timeout(10))
    held[0].continue_()
    expect(words).to_be_hidden()


@pytest.mark.parametrize(
    "said",
    [
        {"reload": True},
        {"sync": "some chat"},  # what the server has is something else
        {"ids": "unknown"},  # a row of which nothing is known
    ],
)
def test_a_board_that_lacks_something_loads_the_list(
    said: dict[str, object], sit_down: Callable[..., Desk]
) -> None:
    desk = sit_down()
    desk.context.add_init_script(STREAM_OF_THE_TEST)
    page = desk.let_in("sue")
    desk.go("/board/")
    wait_for_scripts(page)
    with page.expect_request("**/board/rows/**") as asked:
        page.evaluate("said => tell(said)", said)
    assert asked.value.headers["console-refresh"] == "1"


def test_rows_that_come_while_the_list_is_loaded_are_not_lost(
    sit_down: Callable[..., Desk],
) -> None:
    desk = sit_down()
    desk.context.add_init_script(STREAM_OF_THE_TEST)
    page = desk.let_in("sue")
    desk.go("/board/")
    wait_for_scripts(page)
    held: list[Route] = []
    page.route("**/board/rows/**", lambda route: held.append(route))
    page.evaluate("tell({ reload: true })")
    until(lambda: bool(held) or page.wait_for_timeout(10))
    row = page.locator("#board-rows tbody tr").first
    page.evaluate("""() => {
      const row = document.querySelector("#board-rows tbody tr").cloneNode(true);
      row.dataset.rev = "newer";
      row.querySelector(".col--agent").textContent = "somebody new";
      tell({ rows: row.outerHTML });
    }""")
    expect(row).not_to_contain_text("somebody new")
    held[0].continue_()
    expect(row).to_contain_text("somebody new")


def test_what_is_of_another_list_is_left_alone(sit_down: Callable[..., Desk]) -> None:
    """A message may still be on its way when somebody chooses another list."""
    desk = sit_down()
    desk.context.add_init_script(STREAM_OF_THE_TEST)
    page = desk.let_in("sue")
    desk.go("/board/")
    wait_for_scripts(page)
    page.evaluate("() => { window.before = stream; }")
    with page.expect_response("**/board/rows/**"):
        page.get_by_label("Queue").first.select_option("sales")
    until(partial(page.evaluate, "stream !== before"))
    assert "rows=queue%3Dsales" in page.evaluate("stream.url")
    shown = page.locator("#board-rows tbody tr").count()
    page.evaluate("""() => before.dispatchEvent(
      new MessageEvent("rows", { data: JSON.stringify({ ids: "", total: 0 }) }))""")
    assert page.locator("#board-rows").get_attribute("data-total") != "0"
    assert page.locator("#board-rows tbody tr").count() == shown


LIVING = {
    "sue": ["/sends/"],
    "adam": ["/operations/", "/chat-servers/", "/sending/", "/webhooks/"],
    "anna": ["/sends/approvals/"],
}
# Each part that follows the server is told that something changed, while it has the focus.
REFRESH = """
async (part) => {
  const own = [...part.querySelectorAll("a, button, input, summary")].at(-1) ?? part;
  if (own === part) part.tabIndex = -1;
  own.focus();
  getSelection().selectAllChildren(part.querySelector("h2, th, p") ?? part);
  const marked = getSelection().toString();
  const settled = new Promise((done) => part.addEventListener("htmx:afterSettle", done));
  part.dispatchEvent(new CustomEvent("live"));
  await Promise.race([settled, new Promise((done) => setTimeout(done, 20000))]);
  // What is over may have gone, such as a delivery that is known by now: then the part has it.
  const now = document.activeElement;
  const focus = own.isConnected ? now === own : part.contains(now);
  return { part: part.isConnected, focus,
    marked: getSelection().toString() === marked };
}
"""


@pytest.mark.parametrize("person", LIVING)
def test_all_pages_that_follow_the_server_stay_in_the_hand(
    person: str, sit_down: Callable[..., Desk]
) -> None:
    desk = sit_down()
    page = desk.let_in(person)
    for path in LIVING[person]:
        desk.go(path)
        wait_for_scripts(page)
        for part in page.locator("main [data-live-topic]").all():
            stays = part.evaluate(REFRESH)
            assert stays == {"part": True, "focus": True, "marked": True}, path


MORPHS = """
async () => {
  const { morph } = await import(document.querySelector("script[src*='js/app']").src
    .replace("js/app", "js/morph"));
  const part = document.createElement("section");
  part.innerHTML = `<details><summary>More</summary>x</details><p>one</p>
    <form action="/a"><input name="why" value="server"><textarea name="t">words</textarea>
    <input type="checkbox" name="c"><select name="s"><option>1<option>2</select></form>
    <ul><li data-key="a">a</li><li data-key="b"><button name="b">b</button></li></ul>`;
  document.querySelector("main").append(part);
  part.querySelector("details").open = true;
  part.querySelector("[name=why]").value = "mine";
  part.querySelector("textarea").value = "my words";
  part.querySelector("[name=c]").checked = true;
  part.querySelector("[name=s]").value = "2";
  const button = part.querySelector("button");
  button.focus();
  const fresh = part.cloneNode(true);
  fresh.querySelector("details").removeAttribute("open");
  fresh.querySelector("p").textContent = "two";
  fresh.querySelector("[name=why]").setAttribute("value", "server again");
  fresh.querySelector("ul").insertAdjacentHTML("afterbegin", '<li data-key="n">new</li>');
  fresh.querySelector("[data-key=a]").remove();
  morph(part, fresh);
  const said = {
    open: part.querySelector("details").open,
    text: part.querySelector("p").textContent,
    typed: [...part.querySelectorAll("[name=why], textarea, select")].map((field) => field.value),
    ticked: part.querySelector("[name=c]").checked,
    items: [...part.querySelectorAll("li")].map((item) => item.textContent),
    focus: document.activeElement === button,
  };
  const without = part.cloneNode(true);
  without.querySelector("[data-key=b]").remove();
  morph(part, without);
  said.goesOnFrom = document.activeElement === part;
  return said;
}
"""


def test_what_a_person_did_stays_where_a_part_changes(sit_down: Callable[..., Desk]) -> None:
    page = sit_down().sign_in("sue")
    wait_for_scripts(page)

    assert page.evaluate(MORPHS) == {
        "open": True,
        "text": "two",
        "typed": ["mine", "my words", "2"],
        "ticked": True,
        "items": ["new", "b"],
        "focus": True,
        "goesOnFrom": True,
    }
