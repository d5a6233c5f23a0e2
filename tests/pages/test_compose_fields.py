"""The compose panel asks for what the chosen notice needs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer
from console.sends.models import Delivery, Send

HTMX = {"HX-Request": "true"}
FIELDS = [
    {"name": "day", "label": "New <date>", "type": "date"},
    {"name": "why", "label": "Why", "type": "choice", "choices": ["strike", "storm"]},
    {"name": "note", "label": "Note", "required": False, "max_length": 10},
]


@pytest.fixture
def page(supervisor: User, chat_server: ChatServer, browse: Callable[..., Client]) -> Client:
    return browse(supervisor)


@pytest.fixture
def chat(make_interaction: Callable[..., Any], make_notice: Callable[..., NoticeVersion]) -> str:
    make_notice("Hello.", key="hello")
    make_notice("Until {{ field.day }}: {{ field.why }}.", key="delay", fields=FIELDS)
    return str(make_interaction().pk)


def compose(chat: str, notice: str = "delay", **fields: str) -> dict[str, Any]:
    given = {f"field-{name}": value for name, value in fields.items()}
    return {"interaction": chat, "notice": notice, "idempotency_key": "k", **given}


def preview(page: Client, fields: dict[str, Any]) -> str:
    answer = page.post(reverse("board-preview"), fields, headers=HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


def test_another_notice_brings_its_own_questions(page: Client, chat: str) -> None:
    html = preview(page, {**compose(chat), "answers_for": "hello"})
    answers = html.split('id="answers" hx-swap-oob="true"')[1]
    assert "New &lt;date&gt;" in answers
    assert 'name="field-day" type="date"' in answers
    assert "<option>storm</option>" in answers
    assert 'maxlength="10"' in answers
    assert "Fill in New &lt;date&gt;: the notice needs it." in html
    # They are there before any chat is chosen, too.
    assert 'name="field-day"' in preview(page, {"notice": "delay", "idempotency_key": "k"})


def test_while_one_types_the_questions_stay(page: Client, chat: str) -> None:
    given = compose(chat, day="2027-03-31", why="storm")
    html = preview(page, {**given, "answers_for": "delay"})
    assert "Until March 31, 2027: storm." in html
    assert 'id="answers"' not in html


def test_a_wrong_answer_keeps_what_was_typed(page: Client, chat: str) -> None:
    given = {**compose(chat, day="soon", why="storm"), "answers_for": "delay"}
    answer = page.post(reverse("send-create"), given, headers=HTMX)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="soon"' in html
    assert "<option selected>storm</option>" in html
    assert 'aria-describedby="answer-day-error"' in html
    assert "give a date, such as 2027-03-31." in html
    assert not Send.objects.exists()


def test_the_answers_are_sent(page: Client, chat: str) -> None:
    given = {**compose(chat, day="2027-03-31", why="storm", note=""), "answers_for": "delay"}
    page.post(reverse("send-create"), given, headers=HTMX)
    assert Delivery.objects.get().body == "Until March 31, 2027: storm."
    assert Send.objects.get().answers == {"day": "2027-03-31", "why": "storm"}


def test_answers_to_another_notice_are_no_business_of_this_one(page: Client, chat: str) -> None:
    given = {**compose(chat, "hello", day="2027-03-31"), "answers_for": "delay"}
    assert "1 ready" in preview(page, given)


def test_the_whole_page_has_them_without_scripts(page: Client, chat: str) -> None:
    html = page.get(reverse("board"), {"notice": "delay"}).content.decode()
    assert '<input type="hidden" name="answers_for" value="delay">' in html
    assert 'name="field-why"' in html
