"""The pages on which test chats are named, and drafts are sent to them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import Interaction
from console.sends.models import Send
from tests.sends.test_test_sends import draft_of

pytestmark = pytest.mark.django_db
Browse = Callable[..., Client]


@pytest.fixture
def draft(editor: User) -> NoticeVersion:
    return draft_of(editor, "Hello {{ data.FirstName }}")


def address(version: NoticeVersion, name: str = "version-test") -> str:
    return reverse(name, args=[version.notice.key, version.number])


def test_an_administrator_names_one_and_takes_it_back(
    administrator: User, make_interaction: Any, browse: Browse
) -> None:
    make_interaction("c1")
    client, url = browse(administrator), reverse("test-chat-list")
    assert "No test chats" in client.get(url).content.decode()
    named = client.post(url, {"interaction": "c1"}, follow=True)
    assert "c1 is a test chat now." in named.content.decode()
    assert Interaction.objects.get().is_test
    back = client.post(reverse("test-chat-release", args=["c1"]), follow=True)
    assert "c1 is an ordinary chat now" in back.content.decode()
    assert not Interaction.objects.get().is_test
    again = client.post(reverse("test-chat-release", args=["c1"]), follow=True)
    assert "The chat c1 is no test chat." in again.content.decode()


def test_what_can_not_be_named_is_said_at_the_field(administrator: User, browse: Browse) -> None:
    client, url = browse(administrator), reverse("test-chat-list")
    for typed, words in (("", "Write the id of a live chat."), ("c9", "There is no chat c9.")):
        answer = client.post(url, {"interaction": typed})
        assert answer.status_code == 422
        assert words in answer.content.decode()


def test_an_author_sends_a_draft_and_sees_what_became_of_it(
    editor: User, draft: NoticeVersion, make_interaction: Any, chat_server: Any, browse: Browse
) -> None:
    make_interaction("t1", test=True)
    make_interaction("c1")
    client = browse(editor)
    html = client.get(address(draft)).content.decode()
    assert 'value="t1"' in html
    assert "c1" not in html
    form = {"interaction": ["t1"], "idempotency_key": "k"}
    for _twice in range(2):
        answer = client.post(address(draft), form, follow=True)
    assert Send.objects.get().is_test
    assert "Hello Zoë" in answer.content.decode()
    part = client.get(address(draft, "version-test-outcomes")).content.decode()
    assert "Hello Zoë" in part
    assert f"send-{Send.objects.get().pk}" in part


def test_an_ordinary_chat_in_the_form_is_refused(
    editor: User, draft: NoticeVersion, make_interaction: Any, browse: Browse
) -> None:
    make_interaction("c1")
    make_interaction("t1", test=True)
    answer = browse(editor).post(address(draft), {"interaction": ["t1", "c1"]})
    assert answer.status_code == 422
    assert "c1 is no live test chat that you see" in answer.content.decode()
    assert not Send.objects.exists()


def test_somebody_elses_draft_is_only_looked_at(
    make_user: Any, draft: NoticeVersion, make_interaction: Any, browse: Browse
) -> None:
    make_interaction("t1", test=True)
    client = browse(make_user("edna", "editor"))
    assert "Only Eddy, who wrote it, may try it out" in client.get(address(draft)).content.decode()
    assert client.post(address(draft), {"interaction": ["t1"]}).status_code == 422
    assert not Send.objects.exists()


def test_without_a_test_chat_it_says_where_one_comes_from(
    editor: User, draft: NoticeVersion, browse: Browse
) -> None:
    html = browse(editor).get(address(draft)).content.decode()
    assert "The feed marks one, or an administrator names" in html


def test_questions_are_asked_and_answered(
    editor: User, make_interaction: Any, chat_server: Any, browse: Browse
) -> None:
    asked = [{"name": "day", "label": "Which day", "type": "text", "required": True}]
    draft = draft_of(editor, "On {{ field.day }}.", fields=asked)
    make_interaction("t1", test=True)
    client = browse(editor)
    assert "Which day" in client.get(address(draft)).content.decode()
    assert client.post(address(draft), {"interaction": ["t1"]}).status_code == 422
    form = {"interaction": ["t1"], "answers_for": "fresh", "field-day": "Monday"}
    client.post(address(draft), form | {"idempotency_key": "k"})
    assert Send.objects.get().deliveries.get().body == "On Monday."


def test_the_editor_saves_and_leads_there(
    editor: User, draft: NoticeVersion, browse: Browse
) -> None:
    client = browse(editor)
    html = client.get(reverse("notice-edit", args=["fresh"])).content.decode()
    assert "Save and send to a test chat" in html
    assert address(draft) in client.get(reverse("notice-detail", args=["fresh"])).content.decode()


def test_a_test_is_in_no_list_of_sends(
    editor: User, draft: NoticeVersion, make_interaction: Any, make_user: Any, browse: Browse
) -> None:
    make_interaction("t1", test=True)
    browse(editor).post(address(draft), {"interaction": ["t1"], "idempotency_key": "k"})
    reader = browse(make_user("rita", "auditor", "administrator"))
    for name in ("send-list", "history"):
        assert "Eddy" not in reader.get(reverse(name)).content.decode()
    send = Send.objects.get()
    assert reader.get(reverse("send-detail", args=[send.pk])).status_code == 200
    assert reader.post(reverse("send-proof", args=[send.pk])).status_code == 409
