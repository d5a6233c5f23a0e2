"""The search of the history by parts finds what reading all deliveries finds, from both ends."""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from console.accounts.models import User
from console.actors import Actor
from console.sends.engine.record import deliveries_expire
from console.sends.history import filling, searchable, sources
from console.sends.history.filling import history_fill
from console.sends.history.resting import deliveries_rest
from console.sends.history.search import Found
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery, HistoryPart, Send
from console.sends.selectors import deliveries_visible, history_search
from tools.scale.filling import BEGIN, PAST_SERVER, RARE_SERVER, fill
from tools.scale.words import RARE

pytestmark = pytest.mark.django_db
NUMBER, MOST = 2500, 300
TEXTS = ("agent", "Martin", "müller", RARE, "nowhere", "王小", "お待", "50%", "a_b", "number 7")
SOMEBODY = "user:1003"


def make_history(actor: Actor) -> None:
    """Years of sends; the actor has sent some and approved others. The newest and some others are
    not in parts."""
    fill(NUMBER)
    ids = list(Send.objects.order_by("pk").values_list("pk", flat=True))
    sent = Send.objects.filter(pk__in=ids[50:75])
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        Send.objects.filter(pk__in=ids[75:90]).update(approved_by_ref=actor.ref)
        sent.update(actor_ref=actor.ref)
        # A clock went wrong for a while.
        wrong = Delivery.objects.filter(send__in=ids[20:24])
        wrong.update(created_at=F("created_at") + timedelta(days=600))
        cursor.execute("SET session_replication_role = origin")
    later = Send.objects.filter(pk__in=[*ids[-30:], *ids[10::13]])
    later.update(is_searchable=True)
    while history_fill():
        pass
    # Every third send lies at rest.
    staying = Send.objects.exclude(pk__in=ids[::3])
    staying.update(is_at_rest=True)
    while deliveries_rest():
        pass
    assert 0 < Send.objects.filter(pk__in=ids[::3], is_at_rest=True).count() < len(ids)
    later.update(is_searchable=False)


def filters(chance: random.Random) -> Iterator[dict[str, str]]:
    """Each filter alone, each pair of them, and some of more."""
    since = BEGIN + timedelta(days=chance.randrange(1000))
    choices: dict[str, list[str]] = {
        "q": list(TEXTS),
        "status": ["delivered", "failed", "unknown", "skipped", "cancelled", "pending"],
        "resolution": ["unresolved", "delivered", "contested"],
        "notice": ["years-1", "years-3", "years-20", "years-200", "nothing"],
        "version": ["1", "7"],
        "actor": ["Martin", "client:7", SOMEBODY, "Agent 0", "Nobody"],
        "chat_server": ["east", PAST_SERVER, RARE_SERVER, "gone"],
        "since": [since.isoformat()],
        "until": [(since + timedelta(days=90)).isoformat()],
        "send": ["1", "200", "999999"],
        "delivery": ["1", "700", "999999"],
        "interaction": ["none"],
    }
    names = list(choices)
    for name in names:
        for value in choices[name]:
            yield {name: value}
    for one in names:
        for other in names[names.index(one) + 1 :]:
            yield {each: chance.choice(choices[each]) for each in (one, other)}
    for _ in range(30):
        yield {each: chance.choice(choices[each]) for each in chance.sample(names[:-1], 4)}


def all_of(found: Any, size: int, *, newest_first: bool) -> list[int]:
    """Read a list page by page, by keys."""
    read: list[int] = []
    ordered = found.order_by("-pk" if newest_first else "pk")
    while True:
        rows = (
            ordered
            if not read
            else ordered.filter(**{"pk__lt" if newest_first else "pk__gt": read[-1]})
        )
        page = [delivery.pk for delivery in rows[:size]]
        read += page
        if len(page) < size or len(read) >= MOST:
            return read


def expected(actor: Actor, filter: DeliveryFilter, *, newest_first: bool) -> list[int]:
    fitting = deliveries_visible(actor).filter(filter.to_condition())
    found = fitting.order_by("-pk" if newest_first else "pk")
    return list(found.values_list("pk", flat=True))


@pytest.fixture(params=["approver", "auditor", "supervisor"])
def who(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whoever searches. To find texts by their index, one looks through few parts, in small
    spans."""
    name: str = request.param
    for module in (sources, filling):
        monkeypatch.setattr(module, "SPAN_BITS", 9)
    if name != "supervisor":
        monkeypatch.setattr(sources, "NEAREST_PARTS", 5)
        monkeypatch.setattr(sources, "FIRST_PARTS", 3)
        for module in (sources, searchable):
            monkeypatch.setattr(module, "LEVELS", (4, 8, 12))
    if name == "approver":  # of many senders, few parts each
        monkeypatch.setattr(sources, "MOST_PARTS", 12)
    return name


def test_it_finds_what_is_there(
    who: str, request: pytest.FixtureRequest, make_send: Callable[..., Any]
) -> None:
    person: User = request.getfixturevalue(who)
    actor = person.to_actor()
    make_send(1)
    make_history(actor)
    for given in filters(random.Random(who)):
        asked = DeliveryFilter.from_mapping(given)
        for newest_first in (True, False):
            wanted = expected(actor, asked, newest_first=newest_first)
            read = all_of(history_search(actor, asked), 101, newest_first=newest_first)
            assert read == wanted[: len(read)], (given, newest_first)
            assert len(read) >= min(len(wanted), MOST), (given, newest_first)


def test_a_send_is_found_by_its_part_when_it_is_over(
    auditor: User, make_send: Callable[..., Any]
) -> None:
    send = make_send(3)
    assert history_fill() == 0  # it is not over
    assert not HistoryPart.objects.exists()
    assert len(found_by(auditor, notice=send.version.notice.key)) == 3
    deliveries_expire(timezone.now() + timedelta(hours=1))
    assert history_fill() == 1
    assert history_fill() == 0
    (part,) = HistoryPart.objects.all()
    assert part.facts.count() == 1
    assert len(found_by(auditor, notice=send.version.notice.key)) == 3


def found_by(person: User, **given: str) -> list[Delivery]:
    found = history_search(person.to_actor(), DeliveryFilter.from_mapping(given))
    assert isinstance(found, Found)
    return found[:101]
