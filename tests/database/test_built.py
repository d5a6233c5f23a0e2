"""Numbers by queries that are built once: they say what the queries themselves say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.accounts.models import Team, User
from console.accounts.own_work import own_refs
from console.accounts.services import api_client_create
from console.actors import Actor, system_actor
from console.database.built import Part, count_of, first_of, numbers
from console.database.marking import MARK, marked
from console.interactions.models import Interaction
from console.sends.models import Send

pytestmark = pytest.mark.django_db


def test_texts_are_built_once_and_values_are_new(make_interaction: Callable[..., Any]) -> None:
    built = []

    def build() -> dict[str, Part]:
        built.append(1)
        some = Interaction.objects.filter(queue=f"queue{MARK}")
        return {
            "number": count_of(some),
            "none": count_of(Interaction.objects.filter(queue__in=[])),
            "first": first_of(Send.objects.values("pk")),
        }

    for queue, number in (("sales", 2), ("billing", 1)):
        for _ in range(number):
            make_interaction(queue=queue)
        with CaptureQueriesContext(connection) as made:
            found = numbers("test", build, {f"queue{MARK}": queue})
        assert found == {"number": number, "none": 0, "first": 0}
        assert len(made) == 1
    assert len(built) == 1


@pytest.mark.parametrize(
    "found",
    [
        lambda: Interaction.objects.filter(received_at__lt=timezone.now()),
        lambda: Interaction.objects.filter(queue__contains=str(MARK)),
    ],
)
def test_what_differs_between_calls_is_refused(found: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="can't be kept"):
        numbers(("test", found), lambda: {"number": count_of(found())}, {str(MARK): "sales"})


def test_a_marked_actor_is_like_the_actor(supervisor: User, team: Team) -> None:
    api_client_create(system_actor("tests"), name="one", scopes=["send"], owner=supervisor)
    actor = supervisor.to_actor()
    who = marked(actor)
    assert [who.values[ref] for ref in own_refs(who.actor)] == own_refs(actor)
    assert {who.values[number] for number in who.actor.team_ids} == {team.pk}
    assert who.actor.permissions == actor.permissions


def test_actors_with_other_queries_have_other_keys(supervisor: User, auditor: User) -> None:
    actor = supervisor.to_actor()
    same = replace(actor, ref="user:77", name="Somebody", team_ids=frozenset({99}))
    others: list[Actor] = [
        auditor.to_actor(),
        replace(actor, team_ids=frozenset()),
        replace(actor, sees_all_teams=True),
        replace(actor, client_refs=("client:1",)),
        replace(actor, allowed_notices=frozenset({"a"})),
    ]
    assert marked(same).key == marked(actor).key
    assert len({marked(each).key for each in [actor, *others]}) == 6
