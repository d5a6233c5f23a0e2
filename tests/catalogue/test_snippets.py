"""Snippets: named pieces that stand in texts, with the words that were reviewed there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from console.accounts.models import User
from console.actors import Actor, Permission
from console.catalogue import selectors
from console.catalogue.content.notices import notice_create, notice_retire
from console.catalogue.content.snippets import outdated
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import NoticeVersion
from console.errors import Conflict, InvalidInput, Unprocessable
from console.interactions.models import ChatServer
from console.sends.models import Delivery
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.sends.proof.ledger import version_facts

EVERYTHING = frozenset(Permission)
AUTHOR = Actor("user:1", "Ada Author", EVERYTHING, sees_all_teams=True)
REVIEWER = Actor("user:2", "Rita Reviewer", EVERYTHING, sees_all_teams=True)

pytestmark = pytest.mark.django_db


def written(key: str, kind: str = "snippet", **bodies: str) -> NoticeVersion:
    """A draft of a new notice."""
    notice = notice_create(AUTHOR, key=key, kind=kind, title=key.capitalize())
    return version_create(AUTHOR, notice, VersionContent(default_locale="en", bodies=bodies))


def approved(draft: NoticeVersion) -> NoticeVersion:
    return version_approve(REVIEWER, version_submit(AUTHOR, draft))


def published(key: str, kind: str = "snippet", **bodies: str) -> NoticeVersion:
    return approved(written(key, kind, **bodies))


def again(version: NoticeVersion, **bodies: str) -> NoticeVersion:
    """The next version of a notice, published."""
    return approved(
        version_create(AUTHOR, version.notice, VersionContent(default_locale="en", bodies=bodies))
    )


@pytest.fixture
def sender(supervisor: User, chat_server: ChatServer) -> Actor:
    return supervisor.to_actor()


@pytest.fixture
def said(sender: Actor, make_interaction: Callable[..., Any]) -> Callable[..., str]:
    """What a chat would get of a notice."""

    def ask(key: str, **chat: Any) -> str:
        plan = plan_send(
            sender, SendOrder(notice_key=key, interactions=[make_interaction(**chat).pk])
        )
        return plan.targets[0].body or plan.targets[0].detail

    return ask


def test_a_notice_says_what_its_snippets_say(said: Callable[..., str]) -> None:
    published("sign", en="Your {{ interaction.queue }} team")
    published("end", en="Kind regards, {% snippet 'sign' %}")
    version = published("hello", "message", en="Hello {{ data.FirstName }}. {% snippet 'end' %}")

    assert version.snippets == {"end": 1}
    assert said("hello") == "Hello Zoë. Kind regards, Your billing team"


def test_a_snippet_has_the_language_of_the_text_around_it(said: Callable[..., str]) -> None:
    published("bye", en="Bye", pt="Tchau", de="Tschüs")
    published("hello", "message", en="Hello. {% snippet 'bye' %}", pt="Olá. {% snippet 'bye' %}")

    assert said("hello", locale="pt-BR") == "Olá. Tchau"
    # The text has no German: it does not become half English and half German.
    assert said("hello", locale="de") == "Hello. Bye"


def test_what_was_reviewed_goes_out_whatever_is_published_later(said: Callable[..., str]) -> None:
    bye = published("bye", en="Bye")
    first = published("hello", "message", en="Hello. {% snippet 'bye' %}")
    again(bye, en="Farewell")

    assert said("hello") == "Hello. Bye"
    (late,) = outdated([first])[first.pk]
    assert (late.key, late.number, late.published, late.is_retired) == ("bye", 1, 2, False)

    second = again(first, en="Hello. {% snippet 'bye' %}")
    assert said("hello") == "Hello. Farewell"
    assert outdated([second]) == {}


def test_a_snippet_in_a_snippet_is_outdated_too() -> None:
    sign = published("sign", en="Ann")
    published("end", en="{% snippet 'sign' %}")
    version = published("hello", "message", en="{% snippet 'end' %}")
    again(sign, en="Bob")
    assert [late.key for late in outdated([version])[version.pk]] == ["sign"]


def test_what_comes_between_submission_and_approval_changes_nothing(
    said: Callable[..., str],
) -> None:
    bye = published("bye", en="Bye")
    submitted = version_submit(AUTHOR, written("hello", "message", en="Hello. {% snippet 'bye' %}"))
    again(bye, en="Never reviewed here")
    version_approve(REVIEWER, submitted)
    assert said("hello") == "Hello. Bye"


def test_the_versions_of_snippets_are_kept_by_the_database() -> None:
    published("bye", en="Bye")
    version = published("hello", "message", en="{% snippet 'bye' %}")
    for change in ({"snippets": {"bye": 2}}, {"fields": [{"name": "x"}]}):
        with pytest.raises(IntegrityError, match="refused"), transaction.atomic():
            NoticeVersion.objects.filter(pk=version.pk).update(**change)


# --- Refused -------------------------------------------------------------------------------------


def refused(draft: NoticeVersion) -> Unprocessable:
    with pytest.raises(Unprocessable) as refusal:
        version_submit(AUTHOR, draft)
    draft.refresh_from_db()
    assert draft.status == "draft"
    return refusal.value


def test_a_snippet_that_is_not_there() -> None:
    published("other", "message", en="A message is no snippet.")
    for key in ("missing", "other"):
        draft = written(f"hello-{key}", "message", en=f"Hi {{% snippet '{key}' %}}")
        assert refused(draft).code == "snippet_missing"


def test_a_snippet_that_is_not_published() -> None:
    written("bye", en="Bye")
    draft = written("hello", "message", en="{% snippet 'bye' %}")
    assert refused(draft).code == "snippet_not_published"


def test_a_retired_snippet() -> None:
    notice_retire(REVIEWER, published("bye", en="Bye").notice)
    draft = written("hello", "message", en="{% snippet 'bye' %}")
    assert refused(draft).code == "snippet_retired"


def test_a_circle_is_named() -> None:
    end = published("end", en="End")
    published("middle", en="{% snippet 'end' %}")
    draft = version_create(
        AUTHOR,
        end.notice,
        VersionContent(default_locale="en", bodies={"en": "{% snippet 'middle' %}"}),
    )
    refusal = refused(draft)
    assert refusal.code == "snippet_circle"
    assert "end → middle → end" in refusal.message


def test_a_snippet_does_not_stand_in_itself() -> None:
    end = published("end", en="End")
    draft = version_create(
        AUTHOR,
        end.notice,
        VersionContent(default_locale="en", bodies={"en": "{% snippet 'end' %}"}),
    )
    assert refused(draft).code == "snippet_circle"


def test_snippets_stand_in_each_other_three_deep(said: Callable[..., str]) -> None:
    published("one", en="1")
    published("two", en="{% snippet 'one' %}2")
    published("three", en="{% snippet 'two' %}3")
    published("hello", "message", en="{% snippet 'three' %}!")
    assert said("hello") == "123!"

    published("four", en="{% snippet 'three' %}4")
    draft = written("deep", "message", en="{% snippet 'four' %}")
    assert refused(draft).code == "snippets_too_deep"


def test_a_snippet_in_use_is_not_retired() -> None:
    bye = published("bye", en="Bye")
    hello = published("hello", "message", en="{% snippet 'bye' %}")
    with pytest.raises(Conflict, match="still stands in hello") as refusal:
        notice_retire(REVIEWER, bye.notice)
    assert refusal.value.code == "snippet_in_use"

    again(hello, en="Without it.")
    notice_retire(REVIEWER, bye.notice)
    assert selectors.notice_get(REVIEWER, "bye").status == "retired"  # type: ignore[attr-defined]


def test_a_snippet_is_never_sent_itself(sender: Actor, make_interaction: Any) -> None:
    published("bye", en="Bye")
    assert list(selectors.sendable_versions(sender)) == []
    with pytest.raises(Unprocessable) as refusal:
        plan_send(sender, SendOrder(notice_key="bye", interactions=[make_interaction().pk]))
    assert refusal.value.code == "notice_is_snippet"


def test_a_snippet_asks_nothing_of_a_sender() -> None:
    with pytest.raises(InvalidInput, match="no variable field"):
        written("bye", en="Bye {{ field.name }}")
    notice = notice_create(AUTHOR, key="end", kind="snippet", title="End")
    with pytest.raises(InvalidInput) as refusal:
        version_create(
            AUTHOR,
            notice,
            VersionContent(default_locale="en", bodies={"en": "x"}, fields=[{"name": "x"}]),
        )
    assert refusal.value.code == "invalid_fields"


# --- Proof ---------------------------------------------------------------------------------------


def test_a_year_later_one_can_say_which_words_went_out(
    sender: Actor, make_interaction: Any
) -> None:
    sign = published("sign", en="Ann")
    bye = published("bye", en="Bye, {% snippet 'sign' %}")
    published("hello", "message", en="Hello. {% snippet 'bye' %}")
    send = send_create(sender, SendOrder(notice_key="hello", interactions=[make_interaction().pk]))
    again(sign, en="Bob")
    again(bye, en="Farewell")

    facts = version_facts(send.version)
    (piece,) = facts["snippets"]
    assert (piece["notice"], piece["number"], piece["bodies"]) == (
        "bye",
        1,
        {"en": "Bye, {% snippet 'sign' %}"},
    )
    assert piece["snippets"][0]["bodies"] == {"en": "Ann"}
    assert Delivery.objects.get(send=send).body == "Hello. Bye, Ann"


def test_the_snippets_take_a_query_for_each_level(
    django_assert_num_queries: Any,
) -> None:
    for number in range(5):
        published(f"piece-{number}", en="x")
    published("all", en="".join(f"{{% snippet 'piece-{number}' %}}" for number in range(5)))
    versions = [
        published(f"hello-{number}", "message", en="{% snippet 'all' %}{% snippet 'piece-1' %}")
        for number in range(4)
    ]
    with django_assert_num_queries(4):  # two levels, what is published, what is retired
        assert outdated(versions) == {}
