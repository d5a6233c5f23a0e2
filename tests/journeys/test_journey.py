"""The whole journey, from a click to a customer's chat, in a real browser on the real demo."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import Person, take_picture
from tests.support.browsing import sign_in
from tests.support.demos import Demo, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
]

MESSAGE = "an agent will be with you shortly"
PUSHED = "https://shop.example/en/parcels/HW-40417"
NOTE = "was promised a call back today"


@dataclass(frozen=True)
class Chat:
    id: str
    customer: str


@pytest.fixture
def chats(demo: Demo) -> Iterator[list[Chat]]:
    """Three chats that stay, the longest waiting of all: they are the first on the board."""
    names = [("Renée", "Álvarez"), ("Kofi", "Mensah"), ("さくら", "山本")]
    opened = []
    with ExitStack() as stack:
        for number, (first, last) in enumerate(names):
            chat = Chat(f"0001{uuid4().hex[:12].upper()}", f"{first} {last}")
            known = {"FirstName": first, "LastName": last, "OrderNumber": "HW-40417"}
            waiting = timedelta(minutes=50 - number)
            stack.enter_context(demo.chat(chat.id, waiting=waiting, **known))
            opened.append(chat)
        yield opened


def test_from_a_click_to_a_customers_chat(
    demo: Demo, chats: list[Chat], person: Callable[..., Person]
) -> None:
    sue = person("", viewport={"width": 1440, "height": 900})
    sue.page.goto("/")
    sign_in(sue.page, "sue")
    expect(sue.page).to_have_url(f"{demo.address}board/")

    send_message_by_keyboard(sue.page, chats)
    send_by_mouse(sue.page, chats[0], "Follow your parcel", button="Send to 1 customer")
    send_by_mouse(
        sue.page, chats[0], "Handover: call back promised", button="Send to staff in 1 chat"
    )

    agents_view = demo.control("chat-east", "transcript", interaction_id=chats[0].id, view="agent")[
        "entries"
    ]
    assert [entry["visibility"] for entry in agents_view] == ["ALL", "ALL", "INT"]
    look_at_customers_page(sue, chats[0])
    find_in_history(person("audrey").page, chats[0])


COUNT_GAPS = """() => {
  window.refreshes = 0;
  window.gaps = 0;
  document.addEventListener("rows:taken", ({ detail }) => {
    if (detail.rows || detail.ids !== undefined) window.refreshes += 1;
  });
  new MutationObserver(() => {
    const chosen = new FormData(document.getElementById("compose")).getAll("interaction");
    if (chosen.length !== 1) window.gaps += 1;
  }).observe(document.querySelector(".board__list"), { childList: true, subtree: true });
}"""


def test_a_refresh_leaves_no_gap_in_the_choice(
    chats: list[Chat], person: Callable[..., Person]
) -> None:
    """Whoever presses the button just when the rows come anew sends to whom they chose."""
    page = person("sue").page
    page.goto("/board/")
    page.wait_for_load_state()
    page.get_by_label(f"Select {chats[0].customer}").check()
    page.evaluate(COUNT_GAPS)

    until(lambda: page.evaluate("window.refreshes") >= 2)

    assert page.evaluate("window.gaps") == 0


def send_message_by_keyboard(page: Page, chats: list[Chat]) -> None:
    """One more chat is picked by mouse."""
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label(f"Select {chats[0].customer}")).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    page.get_by_text(chats[2].customer, exact=True).first.click()
    for chat in chats:
        expect(page.get_by_label(f"Select {chat.customer}")).to_be_checked()
    page.keyboard.press("Enter")
    page.keyboard.type("agent-soon")
    page.keyboard.press("Enter")
    preview = page.locator("#preview")
    expect(preview).to_contain_text(f"Hello Renée, {MESSAGE}")
    expect(preview).to_contain_text("3 ready")
    expect(send_button(page)).to_have_text("Send to 3 customers")
    take_picture(page, "board-light")
    page.keyboard.press("Control+Enter")
    expect(send_button(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect_delivered(page, 3)


def send_by_mouse(page: Page, chat: Chat, title: str, *, button: str) -> None:
    page.get_by_role("button", name="Compose another").click()
    page.get_by_label(f"Select {chat.customer}").check()
    page.locator(".picker__option").filter(has_text=title).click()
    expect(send_button(page)).to_have_text(button)
    send_button(page).click()
    expect_delivered(page, 1)


def send_button(page: Page) -> Locator:
    return page.locator("[data-send-button]:not([disabled])")


def expect_delivered(page: Page, count: int) -> None:
    expect(page.locator("#compose-panel [role=status]").last).to_have_text(
        f"{count} of {count} delivered"
    )


def look_at_customers_page(sue: Person, chat: Chat) -> None:
    page = sue.new_tab()
    with page.expect_response("**/transcript/"):
        page.goto(f"/demo/chats/{chat.id}/")
    log = page.get_by_role("log")
    expect(log).to_contain_text(f"Hello Renée, {MESSAGE}")
    expect(log.get_by_role("link")).to_have_attribute("href", PUSHED)
    assert NOTE not in page.content()
    take_picture(page, "customer")


def find_in_history(page: Page, chat: Chat) -> None:
    page.goto("/history/")
    search = page.get_by_role("search", name="Search the history")
    search.get_by_role("searchbox").fill(chat.id)
    search.get_by_role("button", name="Search", exact=True).click()
    expect(page).to_have_url(re.compile(f"interaction={chat.id}"))
    rows = page.get_by_role("row").filter(has_text=chat.customer)
    expect(rows).to_have_count(3)
    for text in (MESSAGE, PUSHED, NOTE):
        row = rows.filter(has_text=text)
        expect(row).to_contain_text("Delivered")
        expect(row).to_contain_text("Sue Okafor")
    expect(rows.filter(has_text=NOTE)).to_contain_text("Staff only")
