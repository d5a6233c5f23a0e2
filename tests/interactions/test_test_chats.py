"""Which chats are test chats, and that no list and no number of live chats has them."""

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from django.utils import timezone

from console.accounts.models import Team, User
from console.actors import system_actor
from console.audit.models import AuditEntry
from console.catalogue.content.languages import live_locales
from console.catalogue.review.forecast import tried_chats
from console.catalogue.templating.variables import variables_carried
from console.errors import Conflict, NotFound, PermissionRefused
from console.interactions.audience.simple_filter import InteractionFilter
from console.interactions.models import Interaction
from console.interactions.selectors import (
    chat_servers,
    chats_for_tests,
    filter_choices,
    interaction_get,
    interactions_visible,
    unregistered_chat_servers,
)
from console.interactions.services import (
    feed_apply,
    interaction_mark_test,
    interaction_unmark_test,
)
from tests.support.factories import ROOT, upsert

pytestmark = pytest.mark.django_db
START = datetime.fromisoformat("2026-01-31T12:00:00+00:00")


def told(chat: str, second: int, **interaction: Any) -> dict[str, Any]:
    at = (START + timedelta(seconds=second)).isoformat()
    return {"type": "upsert", "occurred_at": at, "interaction": {"id": chat, **interaction}}


def test_the_feed_marks_a_chat_until_it_says_otherwise() -> None:
    feed_apply(ROOT, [told("t1", 1, test=True)])
    feed_apply(ROOT, [told("t1", 2, queue="sales")])
    assert Interaction.objects.get().is_test
    feed_apply(ROOT, [told("t1", 3, test=False)])
    assert not Interaction.objects.get().is_test


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_whatever_the_order_the_newest_word_counts(order: tuple[int, ...]) -> None:
    """Also with a newer event that says nothing of it."""
    events = [
        told("t1", 1, test=False),
        told("t1", 2, test=True, queue="sales"),
        told("t1", 3, queue="billing"),
        told("t1", 4, user_data={"FirstName": "Zoë"}),
    ]
    for number in order:
        feed_apply(ROOT, [events[number]])
    chat = Interaction.objects.get()
    assert (chat.is_test, chat.customer_name) == (True, "Zoë")


def test_only_yes_or_no_is_understood() -> None:
    (rejected,) = feed_apply(ROOT, [told("t1", 1, test="yes")]).rejected
    assert "interaction.test must be true or false" in rejected["message"]


def test_an_administrator_names_one_and_the_ledger_says_so(
    administrator: User, make_interaction: Any
) -> None:
    make_interaction("c1")
    actor = administrator.to_actor()
    assert interaction_mark_test(actor, interaction_id="c1").is_test
    with pytest.raises(Conflict, match="already"):
        interaction_mark_test(actor, interaction_id="c1")
    # What was true before does not undo it; what is said after does.
    feed_apply(ROOT, [told("c1", 1, test=False)])
    assert Interaction.objects.get().is_test
    assert not interaction_unmark_test(actor, interaction_id="c1").is_test
    with pytest.raises(Conflict, match="no test chat"):
        interaction_unmark_test(actor, interaction_id="c1")
    said = AuditEntry.objects.filter(target_ref="c1").order_by("seq")
    assert [entry.action for entry in said] == ["interaction.test_named", "interaction.test_ended"]


def test_the_feed_has_the_later_word(make_interaction: Any) -> None:
    make_interaction("c1")
    interaction_mark_test(ROOT, interaction_id="c1")
    later = (timezone.now() + timedelta(seconds=5)).isoformat()
    event = {"type": "upsert", "occurred_at": later, "interaction": {"id": "c1", "test": False}}
    feed_apply(ROOT, [event])
    assert not Interaction.objects.get().is_test


def test_only_live_ones_and_only_by_administrators(
    supervisor: User, editor: User, make_interaction: Any
) -> None:
    make_interaction("c1")
    for person in (supervisor, editor):
        with pytest.raises(PermissionRefused):
            interaction_mark_test(person.to_actor(), interaction_id="c1")
    with pytest.raises(NotFound):
        interaction_mark_test(ROOT, interaction_id="c2")
    feed_apply(ROOT, [upsert("c1", type="stopped")])
    with pytest.raises(Conflict, match="has ended"):
        interaction_mark_test(ROOT, interaction_id="c1")


def test_no_list_and_no_number_has_one(chat_server: Any, make_interaction: Any) -> None:
    data = {"Secret": "x"}
    make_interaction("t1", test=True, queue="try", agent="tess", locale="tlh", user_data=data)
    make_interaction("t2", test=True, user_data={"ChatServerAppName": "nowhere"})

    assert list(interactions_visible(ROOT)) == []
    for chosen in (InteractionFilter(q="t1"), InteractionFilter(all=True)):
        assert list(interactions_visible(ROOT, chosen)) == []
    assert not any(filter_choices(ROOT).values())
    assert chat_servers(ROOT).get(name="chat-east").live_count == 0  # type: ignore[attr-defined]
    assert unregistered_chat_servers(ROOT) == []
    assert live_locales() == {}
    assert tried_chats() == []
    assert variables_carried(system_actor("tests")).chats == 0
    assert variables_carried(system_actor("tests")).variables == []
    # By its id it is found: a send to it has to say that it is a test chat.
    assert interaction_get(ROOT, "t1").is_test


def test_editors_see_those_of_their_teams(
    team: Team, editor: User, make_user: Any, supervisor: User, make_interaction: Any
) -> None:
    make_interaction("t1", test=True, queue="sales")
    make_interaction("t2", test=True, queue="try")
    make_interaction("t3", test=True, queue="try", type="stopped")
    make_interaction("c1", queue="try")
    of_sales = make_user("edna", "editor", teams=[team])

    assert [chat.pk for chat in chats_for_tests(editor.to_actor())] == ["t2"]
    assert {chat.pk for chat in chats_for_tests(of_sales.to_actor())} == {"t1", "t2"}
    with pytest.raises(PermissionRefused):
        chats_for_tests(supervisor.to_actor())
