"""The class of a notice decides who goes first at a Chat Server, and no class starves."""

from collections import Counter
from collections.abc import Callable
from copy import copy

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from console.catalogue.models import NoticeClass
from console.interactions.models import ChatServer, Interaction
from console.sends.engine.priority import EVERY, ORDER, after, in_order, next_class, reserved
from console.sends.models import Send
from tests.sends.test_fairness import COPY
from tests.support.turns import Turns

SAFETY, IMPORTANT, ROUTINE = ORDER
NAMES = st.sampled_from(ORDER)
# What comes before a step, and how many the step may claim.
STEPS = st.lists(
    st.tuples(
        st.dictionaries(NAMES, st.sampled_from([1, 2, 40, 2000]), max_size=3),
        st.sampled_from([1, 1, 1, 2, 3, 8, 15, 16, 32, 100, 1000]),
    ),
    min_size=1,
    max_size=60,
)


def chosen(stock: dict[str, int], waited: dict[str, int], room: int) -> list[str]:
    """What CLAIM selects of what is due."""
    most = reserved(waited, room)
    places = [
        ((-waited.get(name, 0) if place <= most[name] else 1), ORDER.index(name), place, name)
        for name in ORDER
        for place in range(1, min(stock[name], room) + 1)
    ]
    return [name for *_key, name in sorted(places)[:room]]


@given(STEPS)
def test_no_class_starves_whatever_comes_and_however_much_a_step_may_claim(
    steps: list[tuple[dict[str, int], int]],
) -> None:
    """Each class with something due has at least 1 of any 16 grants in a row."""
    stock = dict.fromkeys(ORDER, 0)
    waited: dict[str, int] = {}
    since = dict.fromkeys(ORDER, 0)
    for more, room in steps:
        for name, number in more.items():
            stock[name] += number
        due = {name for name in ORDER if stock[name]}
        taken, waited = in_order(chosen(stock, waited, room), str, waited, due)
        assert len(taken) == min(room, sum(stock.values()))
        for name in taken:
            stock[name] -= 1
            for each in ORDER:
                since[each] = since[each] + 1 if each != name and stock[each] else 0
                assert since[each] < EVERY


@given(STEPS)
def test_the_most_urgent_goes_first_but_for_the_shares_of_the_others(
    steps: list[tuple[dict[str, int], int]],
) -> None:
    stock = dict.fromkeys(ORDER, 0)
    waited: dict[str, int] = {}
    for more, room in steps:
        for name, number in more.items():
            stock[name] += number
        due = {name for name in ORDER if stock[name]}
        most = reserved(waited, room)
        taken, waited = in_order(chosen(stock, waited, room), str, waited, due)
        counts = Counter(taken)
        for rank, name in enumerate(ORDER):
            if counts[name] < stock[name]:  # some of it still waits
                for other in ORDER[rank + 1 :]:
                    assert counts[other] <= most[other]
        for name in taken:
            stock[name] -= 1


def test_turn_by_turn() -> None:
    waited: dict[str, int] = {}
    order = []
    for _ in range(48):
        name = next_class(waited, ORDER)
        order.append(name[0])
        waited = after(waited, ORDER, name)
    assert "".join(order) == ("s" * 14 + "ir" + "s" * 13 + "ir" + "s" * 13 + "irss")[:48]


# --- As a drain claims ---------------------------------------------------------------------------


@pytest.fixture
def begin(chat_server: ChatServer, chats, send_to, make_notice) -> Callable[[str, int], int]:
    """Begins a send of a class to so many chats; returns its id."""
    patterns = {
        name: send_to(chats(1), notice=make_notice(name, notice_class=name).notice.key)
        for name in NoticeClass.values
    }
    chat = Interaction.objects.get()
    others = [copy(chat) for _ in range(301)]
    for number, other in enumerate(others):
        other.pk = f"c{number:04}"
    Interaction.objects.bulk_create(others[1:])
    Send.objects.update(status="paused")

    def begin(name: str, size: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(COPY, {"size": size, "pattern": patterns[name].pk})
            return int(cursor.fetchone()[0])

    return begin


@pytest.mark.django_db
@pytest.mark.parametrize("number", [1, 3, 32])
def test_safety_goes_before_important_before_routine(
    begin: Callable[[str, int], int], number: int
) -> None:
    for name in (ROUTINE, IMPORTANT, SAFETY):
        begin(name, 40)
    line = Turns("chat-east", number)
    while len(line.classes) < 120:
        line.step()
    assert line.classes[:12] == [SAFETY] * 12
    assert line.classes[:47].count(SAFETY) == 40
    # Some grants of each class while the more urgent ones wait, and none waits for 16 of others.
    for name in (IMPORTANT, ROUTINE):
        places = [place for place, each in enumerate(line.classes) if each == name]
        gaps = [after - before for before, after in zip([-1, *places], places, strict=False)]
        assert max(gaps) <= EVERY
    half = line.classes[47:87]
    assert half.count(IMPORTANT) >= 0.9 * len(half)


@pytest.mark.django_db
@pytest.mark.parametrize("number", [1, 4])
def test_a_safety_send_that_begins_amid_a_broadcast_is_next(
    begin: Callable[[str, int], int], number: int
) -> None:
    for _ in range(5):
        begin(ROUTINE, 200)
    line = Turns("chat-east", number)
    for _ in range(20):
        line.step()
    single = begin(SAFETY, 1)
    assert line.grants_until(single) == 1


@pytest.mark.django_db
def test_a_stream_of_safety_does_not_starve_a_routine_send(
    begin: Callable[[str, int], int],
) -> None:
    """Also if each step has one grant: the drain remembers what the class has waited for."""
    begin(ROUTINE, 10)
    line = Turns("chat-east", 1)
    for _ in range(4):
        begin(SAFETY, 40)
        for _ in range(32):
            line.step()
    assert [place for place, name in enumerate(line.classes) if name == ROUTINE] == [
        14 + 15 * turn for turn in range(8)
    ]


@pytest.mark.django_db
def test_within_a_class_sends_take_turns(begin: Callable[[str, int], int]) -> None:
    important = {begin(IMPORTANT, 20), begin(IMPORTANT, 20), begin(IMPORTANT, 20)}
    routine = {begin(ROUTINE, 20), begin(ROUTINE, 20)}
    line = Turns("chat-east", 1)
    for _ in range(90):
        line.step()
    for sends in (important, routine):
        theirs = [send for send in line.grants if send in sends]
        size = len(sends)
        for turn in range(len(theirs) // size):
            assert set(theirs[size * turn : size * turn + size]) == sends
