"""A push URL from an editor's draft to a Portuguese customer's screen, in a browser for each."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Person, take_picture
from tests.journeys.test_journey import Chat, expect_delivered, send_button
from tests.support.demos import Demo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
]

KEY = "return-label"
PLAIN = "https://shop.example/en/returns"
ENGLISH = "https://shop.example/en/returns/{{ data.OrderId }}"
PORTUGUESE = "https://shop.example/pt/devolucoes/{{ data.OrderId }}"
ARRIVES = "https://shop.example/pt/devolucoes/HW-40771"


@pytest.fixture
def chat(demo: Demo) -> Iterator[Chat]:
    """A customer whose browser says pt-BR; no text is written in just that."""
    chat = Chat(f"0001{uuid4().hex[:12].upper()}", "João Sá")
    known = {"FirstName": "João", "LastName": "Sá", "OrderId": "HW-40771"}
    with demo.chat(chat.id, waiting=timedelta(minutes=45), locale="pt-BR", **known):
        yield chat


def test_from_a_draft_to_a_customers_language(chat: Chat, person: Callable[..., Person]) -> None:
    editor, approver = person("eddy").page, person("anna").page
    begin(editor)
    submit(editor, PLAIN)
    publish(approver)

    write_in_two_languages(editor, chat)
    cannot_approve_own(editor)
    sees_what_is_new(approver)
    publish(approver)

    sender = person("sue")
    send_by_shortcut(sender.page, chat)
    customers = sender.new_tab()
    customers.goto(f"/demo/chats/{chat.id}/")
    expect(customers.get_by_role("log").get_by_role("link")).to_have_attribute("href", ARRIVES)

    open_what_went_out(person("audrey").page, chat)


def begin(page: Page) -> None:
    page.goto("/notices/new/")
    page.get_by_label("Title").fill("Print your return label")
    page.get_by_role("textbox", name="Key").fill(KEY)
    page.get_by_label("Kind").select_option("push_url")
    page.get_by_role("button", name="Create and write the text").click()
    expect(page.get_by_role("heading", name="URLs")).to_be_visible()


def submit(page: Page, url: str) -> None:
    page.get_by_label("URL", exact=True).first.fill(url)
    page.get_by_role("button", name="Save and submit for review").click()
    expect(page.get_by_text("Submitted.")).to_be_visible()


def publish(page: Page) -> None:
    page.goto(f"/notices/{KEY}/")
    page.get_by_role("button", name="Approve and publish").click()
    expect(page.get_by_text("Published.")).to_be_visible()


def write_in_two_languages(page: Page, chat: Chat) -> None:
    """With a shortcut, and the preview of all languages as this chat would get them."""
    page.goto(f"/notices/{KEY}/")
    page.get_by_role("link", name="Write a new version").click()
    page.get_by_role("textbox", name="Shortcut").fill("label")
    urls = page.get_by_label("URL", exact=True)
    urls.first.fill(ENGLISH)
    page.get_by_role("button", name="Another language").click()
    page.get_by_label("Language", exact=True).nth(1).fill("pt")
    urls.nth(1).fill(PORTUGUESE)
    seen = page.locator("#editor-preview")
    expect(seen.get_by_label("pt", exact=True)).to_contain_text("shop.example/pt/devolucoes/")
    expect(seen.get_by_label("en", exact=True)).to_contain_text("shop.example/en/returns/")
    page.get_by_label("What changed, and why").fill("Leads to the order's own label.")
    take_picture(page, "editor")
    page.get_by_role("button", name="Save and submit for review").click()
    expect(page.get_by_text("Submitted.")).to_be_visible()


def cannot_approve_own(page: Page) -> None:
    expect(page.get_by_text("Nobody decides on their own version.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve and publish")).to_have_count(0)
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    path = f"/notices/{KEY}/versions/2/approve/"
    assert page.request.post(path, form={"csrfmiddlewaretoken": token}).status == 403


def sees_what_is_new(page: Page) -> None:
    page.goto(f"/notices/{KEY}/")
    page.get_by_role("link", name="Side by side").click()
    english = page.get_by_label("en", exact=True)
    expect(english.locator("ins")).to_contain_text("data.OrderId")
    expect(page.get_by_label("pt", exact=True)).to_contain_text("new language")
    expect(page.get_by_text("Leads to the order's own label.")).to_be_visible()
    take_picture(page, "compare")


def send_by_shortcut(page: Page, chat: Chat) -> None:
    page.goto("/board/")
    page.get_by_label(f"Select {chat.customer}").check()
    notices = page.get_by_label("Narrow the notices")
    notices.fill("/label")
    notices.press("Enter")
    expect(page.locator("#preview")).to_contain_text(ARRIVES)
    expect(send_button(page)).to_have_text("Send to 1 customer")
    send_button(page).click()
    expect_delivered(page, 1)


def open_what_went_out(page: Page, chat: Chat) -> None:
    """From the history to the very version, beside which others may be published by now."""
    page.goto(f"/history/?interaction={chat.id}")
    page.get_by_role("row").filter(has_text=ARRIVES).get_by_role("link").first.click()
    expect(page.get_by_text(ARRIVES).first).to_be_visible()
    page.get_by_role("link", name="version 2").click()
    version = page.locator("#version-2")
    expect(version).to_be_in_viewport()
    expect(version).to_contain_text(PORTUGUESE)
    expect(version).to_contain_text("1 send, 1 delivered")
    version.get_by_text("Who wrote and approved it").click()
    expect(version).to_contain_text("Eddy Lindqvist")
    expect(version).to_contain_text("Anna Kowalska")
