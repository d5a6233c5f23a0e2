"""Countdowns and waiting times on slow pages, and beside clocks that are wrong."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.pages.browsing import Desk
from tests.pages.test_in_browser import choose_chats, choose_notice, send_button

pytestmark = pytest.mark.browser

SLOW_MS = 4000
TOLERANCE = 0.3
# A minute fast or slow, from before the first script runs.
WRONG_CLOCK = """
const Real = Date;
const off = %d;
globalThis.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(Real.now() + off); }
  static now() { return Real.now() + off; }
};
"""

MODULE = """
const app = document.querySelector('script[src*="js/app.js"]').src;
const { bounds, narrowed, widened, left } = await import(new URL("server-clock.js", app));
const { countdown, clock, ago } = await import(new URL("times.js", app));
"""


def evaluate(page: Page, script: str, *arguments: Any) -> Any:
    return page.evaluate(f"async (given) => {{ {MODULE} {script} }}", list(arguments))


@pytest.fixture
def page(sit_down: Callable[..., Desk]) -> Page:
    desk = sit_down()
    page = desk.let_in("sue")
    desk.go("/help/")
    return page


# --- The measuring, by a table of samples --------------------------------------------------------

# Each sample is (stamp, sent, received); the server's clock is 1,000,000 ms ahead of the page's.
SAMPLES = {
    "one": ([(1_000_010, 0, 20)], 999_990, 1_000_010),
    "nobody knows when it was asked for": ([(1_000_010, None, 20)], 999_990, None),
    # Of a page whose request was under way for 4 s, or whose answer was.
    "slow there": ([(1_004_000, 0, 4_005)], 999_995, 1_004_000),
    "slow back": ([(1_000_005, 0, 4_005)], 996_000, 1_000_005),
    "both, at last": (
        [(1_004_000, 0, 4_005), (1_004_115, 4_100, 8_200)],
        999_995,
        1_000_015,
    ),
    "then a fast one": (
        [(1_000_005, 0, 4_005), (1_004_115, 4_100, 4_130)],
        999_985,
        1_000_005.8,
    ),
    # Somebody has set the server's clock back by an hour: the newer one is right.
    "set back": (
        [(1_000_010, 0, 20), (1_000_010 - 3_599_000, 1_000, 1_020)],
        -2_600_010,
        -2_599_990,
    ),
}


def test_bounds_of_the_servers_time(page: Page) -> None:
    for name, (samples, low, high) in SAMPLES.items():
        found = evaluate(
            page,
            """
            let known = null;
            for (const [stamp, sent, received] of given[0])
                known = narrowed(known, bounds({ stamp, sent, received }));
            return [known.low, Number.isFinite(known.high) ? known.high : null];
            """,
            samples,
        )
        assert found[0] == pytest.approx(low, abs=2), name
        assert found[1] == (None if high is None else pytest.approx(high, abs=2)), name


def test_bounds_hold_whatever_way_the_time_went(page: Page) -> None:
    """Any delays there and back, and counting that is off by 100 millionths: the truth is in it."""
    assert (
        evaluate(
            page,
            """
        let state = 1;
        const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
        const wrong = [];
        for (let run = 0; run < 300; run += 1) {
            const ahead = 1e12 * random(), rate = 1 + 1e-4 * (2 * random() - 1);
            const server = (at) => at * rate + ahead;
            let known = null, at = 1000 * random();
            for (let step = 0; step < 20; step += 1) {
                const sent = at;
                const stamped = sent + 4000 * random() ** 4;
                const received = stamped + 4000 * random() ** 4;
                known = narrowed(known, bounds({ stamp: server(stamped), sent, received }));
                at = received + 60000 * random();
                const { low, high } = widened(known, at);
                if (at + low > server(at) || at + high < server(at)) wrong.push([run, step]);
            }
        }
        return wrong;
        """,
        )
        == []
    )


COUNTDOWNS = [(5.0, "4.9"), (4.2, "4.1"), (4.26, "4.2"), (0.2, "0.1"), (0.04, "0.0"), (-3, "0.0")]


def test_a_countdown_never_shows_more_than_is_left(page: Page) -> None:
    shown = evaluate(
        page, "return given[0].map((s) => countdown(s).text)", [s for s, _ in COUNTDOWNS]
    )
    assert shown == [text for _seconds, text in COUNTDOWNS]
    # At least is by the later bound of the server's time, at most by the earlier one.
    assert evaluate(page, "return left(5000, { earliest: 1000, latest: 1500 })") == {
        "least": 3.5,
        "most": 4,
    }


def test_what_waits_is_never_rounded_up(page: Page) -> None:
    shown = evaluate(page, "return [59.99, 60, 3599.9, 3600].map(clock)")
    assert shown == ["0:59", "1:00", "59:59", "1:00:00"]
    ages = evaluate(page, "return [4.9, 59.9, 119.9, -119.9].map(ago)")
    assert ages == ["now", "59 sec ago", "1 min ago", "in 1 min"]


# --- Slow pages, and clocks that are wrong -------------------------------------------------------

COUNTING = """
new MutationObserver((_, observer) => {
  const main = document.querySelector("main");
  if (!main) return;
  observer.disconnect();
  for (const [name, moment] of [["until", "%s"], ["since", "%s"]]) {
    const element = document.createElement("p");
    element.id = name;
    element.dataset[name] = moment;
    main.prepend(element);
  }
}).observe(document, { childList: true, subtree: true });
"""


class Slow:
    """Delays what a page asks for, each by itself, on its way there or on its way back."""

    def __init__(self, page: Page, kinds: set[str], way: str) -> None:
        self.page = page
        self.kinds = kinds
        self.way = way
        page.route("**/*", self._delay)

    def _delay(self, route: Route) -> None:
        kind = self._kind(route)
        # The event stream's answer has no end.
        if kind == "eventsource" or kind not in self.kinds:
            route.continue_()
        elif self.way == "there":
            self.page.wait_for_timeout(SLOW_MS)
            route.continue_()
        else:
            answer = route.fetch()
            self.page.wait_for_timeout(SLOW_MS)
            with suppress(Error):  # the page has gone meanwhile
                route.fulfill(response=answer)

    def _kind(self, route: Route) -> str:
        if "hx-request" in route.request.headers:
            return "htmx"
        return route.request.resource_type


def seconds(text: str) -> float:
    """Of "4.2", and of "1:05"."""
    whole = 0.0
    for part in text.split(":"):
        whole = 60 * whole + float(part)
    return whole


# Notes what an element shows whenever that changes, and when that was by the machine's clock, which
# the page's own clock has no part in. Asked from outside, a busy browser would tell both late.
NOTE = """
(selector) => {
  const own = (window.noted = []);
  let last = document.querySelector(selector)?.textContent;
  const note = () => {
    const element = document.querySelector(selector);
    if (!element || element.textContent === last) return;
    last = element.textContent;
    own.push([(performance.timeOrigin + performance.now()) / 1000, last, element.dataset.until]);
  };
  const how = { childList: true, characterData: true, subtree: true };
  new MutationObserver(note).observe(document, how);
}
"""


def noted(page: Page, number: int) -> list[tuple[float, str, str]]:
    """So many texts: each with the moment since which it is shown, and until when it counts."""
    page.wait_for_function("(number) => noted.length >= number", arg=number)
    return [tuple(each) for each in page.evaluate("noted")]


def samples(page: Page, element: str, number: int = 12) -> list[tuple[float, str]]:
    """What it comes to show, and when, by the server's clock."""
    page.evaluate(NOTE, element)
    return [(at, text) for at, text, _until in noted(page, number)]


def wait_for_exactness(page: Page) -> None:
    """It is measured at once; where all answers are slow, that takes a while."""
    while int(page.locator("html").get_attribute("data-clock-width") or "9999") > 120:
        page.wait_for_timeout(50)


def count_down(page: Page) -> datetime:
    """Begin anew: what was slow, or a busy machine, may have taken all the time there was."""
    until = datetime.now(UTC) + timedelta(seconds=50)
    page.locator("#until").evaluate(
        "(element, until) => { element.dataset.until = until; element.textContent = ''; }",
        until.isoformat(),
    )
    expect(page.locator("#until")).not_to_be_empty()
    return until


@pytest.mark.parametrize(
    ("kinds", "way", "off"),
    [
        ({"document", "script"}, "there", 60),
        ({"document"}, "back", -60),
    ],
    ids=lambda each: "+".join(sorted(each)) if isinstance(each, set) else str(each),
)
def test_what_is_shown_is_the_servers_truth(
    sit_down: Callable[..., Desk], kinds: set[str], way: str, off: int
) -> None:
    desk = sit_down()
    page = desk.sign_in("sue")
    until = datetime.now(UTC) + timedelta(seconds=50)
    since = datetime.now(UTC) - timedelta(seconds=100)
    page.add_init_script(WRONG_CLOCK % (off * 1000))
    page.add_init_script(COUNTING % (until.isoformat(), since.isoformat()))
    Slow(page, kinds, way)
    desk.go("/help/")
    expect(page.locator("#until")).to_have_text(re.compile(r"^\d+\.\d$"))
    for at, text in samples(page, "#until", 3):
        assert seconds(text) <= until.timestamp() - at
    wait_for_exactness(page)
    until = count_down(page)
    for at, text in samples(page, "#until"):
        assert until.timestamp() - at - TOLERANCE <= seconds(text) <= until.timestamp() - at
    # Waiting goes by the middle of what is known. It shows whole seconds, never one too many.
    for at, text in samples(page, "#since", 3):
        waited = seconds(text)
        assert at - since.timestamp() - 1 - TOLERANCE <= waited
        assert waited <= at - since.timestamp() + TOLERANCE
    page.unroute_all(behavior="wait")


def test_undo_on_a_slow_line_beside_a_wrong_clock(
    sit_down: Callable[..., Desk], staying: str
) -> None:
    """The answer to the press is on its way for 2 of the seconds."""
    desk = sit_down()
    page = desk.let_in("sue")
    page.add_init_script(WRONG_CLOCK % 60_000)
    choose_chats(page, 2, q=staying)
    choose_notice(page, "agent will be")
    expect(send_button(page)).to_contain_text(re.compile(r"Send to \d customer"))
    page.route("**/sends/new/", slow_answer)
    page.route("**/progress/", lambda _route: None)
    page.evaluate(NOTE, ".undo__count")
    press_send(page)
    shown = noted(page, 5)
    assert seconds(shown[0][1]) > 0
    for at, text, over in shown:
        left = datetime.fromisoformat(over).timestamp() - at
        assert left - TOLERANCE <= seconds(text) <= max(0.0, left)


def press_send(page: Page) -> None:
    """By keyboard. The button has the focus as soon as its preview is there."""
    page.keyboard.press("Control+Enter")
    expect(send_button(page)).to_be_focused()
    page.keyboard.press("Enter")


def slow_answer(route: Route) -> None:
    """With half a minute more to undo: a busy machine may need all that the demo gives."""
    answer = route.fetch()
    time.sleep(2)
    route.fulfill(response=answer, body=re.sub(r'(?<=data-until=")[^"]+', later, answer.text()))


def later(until: re.Match[str]) -> str:
    return (datetime.fromisoformat(until[0]) + timedelta(seconds=30)).isoformat()


def test_undo_that_is_over_can_not_be_pressed(sit_down: Callable[..., Desk], staying: str) -> None:
    """The page does not hear that it is over: nothing comes through any more."""
    desk = sit_down()
    page = desk.let_in("sue")
    choose_chats(page, 1, q=staying)
    choose_notice(page, "agent will be")
    expect(send_button(page)).to_contain_text(re.compile(r"Send to \d customer"))
    page.route("**/progress/", lambda _route: None)
    press_send(page)
    undo = page.get_by_role("button", name="Undo")
    until = datetime.fromisoformat(
        str(page.locator(".undo__count").get_attribute("data-until"))
    ).timestamp()
    expect(undo).to_be_disabled()
    assert time.time() >= until
    expect(page.locator(".undo")).to_contain_text("The time to undo is over.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    undo.click(force=True)
    assert not [url for url in asked if "cancel" in url]


def test_a_hidden_clock_that_was_set_is_asked_about_again(page: Page) -> None:
    """Somebody sets this machine's clock, or it has slept: what is shown is still the truth."""
    until = datetime.now(UTC) + timedelta(seconds=50)
    with page.expect_response("**/clock/"):
        page.evaluate(
            """(until) => {
              const element = document.createElement("p");
              Object.assign(element, { id: "until" }).dataset.until = until;
              document.querySelector("main").prepend(element);
              document.body.dispatchEvent(new Event("htmx:afterSettle"));
              const real = Date.now;
              Date.now = () => real() + 3600_000;
            }""",
            until.isoformat(),
        )
    expect(page.locator("#until")).not_to_have_text("0.0")
    for at, text in samples(page, "#until"):
        assert until.timestamp() - at - TOLERANCE <= seconds(text) <= until.timestamp() - at
