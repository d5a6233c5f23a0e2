"""Fields and snippets by the API."""

from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import User
from console.interactions.models import ChatServer
from console.sends.models import Delivery
from tests.support.calling import Caller

pytestmark = pytest.mark.django_db
FIELDS = [{"name": "day", "type": "date"}, {"name": "note", "required": False, "max_length": 5}]


@pytest.fixture
def writer(person: Callable[[User], Caller], editor: User) -> Caller:
    """An editor with the notice `delay`, which has no words yet."""
    caller = person(editor)
    caller.post("notices/", {"key": "delay", "kind": "message", "title": "Delay"})
    return caller


@pytest.fixture
def sender(person: Callable[[User], Caller], supervisor: User, chat_server: ChatServer) -> Caller:
    return person(supervisor)


def test_a_version_says_what_it_asks_and_which_snippets_it_has(
    writer: Caller, make_notice: Callable[..., Any]
) -> None:
    make_notice("Bye", key="bye", kind="snippet")
    body = {"en": "Until {{ field.day }}. {% snippet 'bye' %}"}
    given = {"default_locale": "en", "bodies": body, "fields": FIELDS}
    made = writer.post("notices/delay/versions/", given)
    assert made["fields"][0] == {
        "name": "day",
        "label": "day",
        "type": "date",
        "required": True,
        "choices": [],
        "max_length": None,
    }
    submitted = writer.post("notices/delay/versions/1/submit/", status=200)
    assert submitted["snippets"] == {"bye": 1}


@pytest.mark.parametrize("fields", [[{}], [{"name": "A"}], [1], ["day"], {"day": "date"}])
def test_fields_that_can_not_be_asked(writer: Caller, fields: Any) -> None:
    given = {"default_locale": "en", "bodies": {"en": "Hi"}, "fields": fields}
    writer.post("notices/delay/versions/", given, status=400)


def test_a_snippet_that_is_not_there(writer: Caller) -> None:
    given = {"default_locale": "en", "bodies": {"en": "{% snippet 'bye' %}"}}
    writer.post("notices/delay/versions/", given)
    refused = writer.post("notices/delay/versions/1/submit/", status=422)
    assert (refused["code"], refused["details"]) == ("snippet_missing", {"snippet": "bye"})


def test_a_send_with_answers(
    sender: Caller, make_notice: Callable[..., Any], make_interaction: Callable[..., Any]
) -> None:
    make_notice("Until {{ field.day }}", key="delay", fields=FIELDS)
    asked = {"notice": "delay", "interactions": [make_interaction().pk]}
    for dry_run in (True, False):
        refused = sender.post("sends/", {**asked, "dry_run": dry_run}, status=422)
        assert (refused["code"], refused["details"]) == ("field_missing", {"field": "day"})

    answers = {"day": "2027-03-31", "note": ""}
    plan = sender.post("sends/", {**asked, "fields": answers, "dry_run": True}, status=200)
    assert plan["targets"][0]["body"] == "Until March 31, 2027"
    sent = sender.post("sends/", {**asked, "fields": answers})
    assert sent["fields"] == {"day": "2027-03-31"}
    assert Delivery.objects.get().body == "Until March 31, 2027"


def test_a_misspelt_answer_does_not_pass_as_absent(
    sender: Caller, make_notice: Callable[..., Any], make_interaction: Callable[..., Any]
) -> None:
    make_notice("Until {{ field.day | default: 'soon' }}", key="delay", fields=FIELDS)
    asked = {"notice": "delay", "interactions": [make_interaction().pk]}
    answers = {"day": "2027-03-31", "nota": "x"}
    refused = sender.post("sends/", {**asked, "fields": answers}, status=422)
    assert refused["details"] == {"field": "nota"}
