"""What helps writing, by the API: previews of a version, and the variables that chats carry."""

from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import ApiClient, User
from console.actors import Actor, Permission
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import CannedNotice
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.calling import Caller, by_token

pytestmark = pytest.mark.django_db
AUTHOR = Actor("user:author", "Ada", frozenset(Permission), sees_all_teams=True)
BODIES = {
    "en": "{% snippet 'greeting' %} {{ data.FirstName }}, about {{ data.OrderId }}",
    "pt": "{% snippet 'greeting' %} {{ data.FirstName }}",
}


@pytest.fixture
def draft(db: None) -> str:
    """The address of a draft with a snippet that is in English alone."""
    greeting = notice_create(AUTHOR, key="greeting", kind="snippet", title="Greeting")
    version = version_create(
        AUTHOR, greeting, VersionContent(default_locale="en", bodies={"en": "Hi"})
    )
    version_submit(AUTHOR, version)
    version_approve(Actor("user:other", "Rita", AUTHOR.permissions, sees_all_teams=True), version)
    hello = notice_create(AUTHOR, key="hello", kind="message", title="Hello")
    version_create(AUTHOR, hello, VersionContent(default_locale="en", bodies=BODIES))
    return "/api/v1/notices/hello/versions/1/preview/"


@pytest.fixture
def editor_call(make_client: Callable[..., tuple[ApiClient, str]]) -> Caller:
    return by_token(make_client("catalogue")[1])


def test_a_draft_is_seen_in_all_languages(
    draft: str, editor_call: Caller, make_interaction: Callable[..., Any]
) -> None:
    make_interaction("a1", user_data={"FirstName": "Zoë"})

    seen = editor_call.get(draft)

    assert seen["interaction"] is None
    assert {text["locale"]: text["body"] for text in seen["texts"]} == {
        "en": "Hi Zoë, about A-1042",
        "pt": "Hi Zoë",
    }
    assert seen["untranslated_snippets"] == [{"locale": "pt", "key": "greeting", "chosen": "en"}]
    # Nothing of the chat that would fail is told but the variable.
    assert (seen["tried_chats"], seen["failing_chats"]) == (1, 1)
    assert seen["failing_mostly_for"] == "data.OrderId"
    assert CannedNotice.objects.get(key="hello").versions.get().snippets == {}


def test_as_a_live_chat_would_get_it(
    draft: str,
    supervisor: User,
    outsider: User,
    person: Callable[[User], Caller],
    make_interaction: Callable[..., Any],
) -> None:
    make_interaction("a1", queue="sales", user_data={"FirstName": "Bob"})
    call = person(supervisor)

    seen = call.get(f"{draft}?interaction=a1")

    texts = {text["locale"]: (text["body"], text["refusal"]) for text in seen["texts"]}
    assert texts["pt"] == ("Hi Bob", "")
    assert texts["en"][0] == ""
    assert "data.OrderId" in texts["en"][1]
    assert person(outsider)("GET", f"{draft}?interaction=a1")[0] == 404


def test_who_sees_no_chats_gets_the_example_alone(draft: str, editor_call: Caller) -> None:
    answer = editor_call("GET", f"{draft}?interaction=a1")
    assert answer[0] == 403


def test_the_variables_are_names_and_numbers(
    editor_call: Caller, make_interaction: Callable[..., Any]
) -> None:
    make_interaction("a1", user_data={"FirstName": "Zoë"})
    make_interaction("a2", user_data={"FirstName": "", "OrderId": "A-1"})

    carried = editor_call.get("/api/v1/variables/")

    percents = {each["path"]: each["percent"] for each in carried["variables"]}
    assert carried["chats"] == 2
    assert percents["data.FirstName"] == percents["data.OrderId"] == 50
    assert "Zoë" not in str(carried)


def test_favourites_are_of_whoever_calls(
    draft: str, editor_call: Caller, make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    other = by_token(make_client("read")[1])

    assert editor_call("PUT", "notices/hello/favourite/") == (204, None)
    assert editor_call("PUT", "notices/hello/favourite/") == (204, None)

    keys = [notice["key"] for notice in editor_call.get("notices/?show=favourites")["results"]]
    assert keys == ["hello"]
    assert other.get("notices/?show=favourites")["results"] == []
    editor_call("DELETE", "notices/hello/favourite/")
    assert editor_call.get("notices/?show=favourites")["results"] == []


def test_what_is_used_and_what_never(
    editor_call: Caller,
    supervisor: User,
    chat_server: Any,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Any],
) -> None:
    make_interaction("a1")
    make_notice(key="asked")
    make_notice(key="left")
    send_create(supervisor.to_actor(), SendOrder(notice_key="asked", interactions=["a1"]))

    def keys(query: str) -> list[str]:
        return [notice["key"] for notice in editor_call.get(f"notices/?{query}")["results"]]

    assert keys("show=most_used&days=7") == ["asked"]
    assert keys("show=never_used") == ["left"]
    used = {"version": 1, "sends": 1, "delivered": 0}
    assert editor_call.get("notices/asked/usage/") == {"versions": [used]}
    assert editor_call.get("notices/left/usage/") == {"versions": []}


@pytest.mark.parametrize("query", ["show=best", "days=0", "days=many", "days=99999"])
def test_lists_and_days_that_there_are_not(query: str, editor_call: Caller) -> None:
    status, answer = editor_call("GET", f"notices/?{query}")
    assert (status, answer["code"]) == (400, "invalid_filter")
