"""An export of years of history finds what the list finds, however it is filtered."""

from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import User
from console.exports import reading
from console.exports.orders import Order, is_small
from console.exports.reading import extent_of, pieces
from console.sends.history.filling import history_fill
from console.sends.history.search import Found
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery, Send
from console.sends.selectors import deliveries_visible
from tools.scale.filling import BEGIN, PAST_SERVER, fill
from tools.scale.words import RARE

pytestmark = pytest.mark.django_db

NUMBER = 2500
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"q": RARE},
    {"q": "nowhere"},
    {"q": "agent"},
    {"status": "failed"},
    {"status": "pending"},
    {"notice": "years-1", "status": "delivered"},
    {"chat_server": PAST_SERVER},
    {"actor": "Martin", "from": BEGIN.isoformat()},
)


@pytest.fixture(autouse=True)
def _years(make_send: Callable[..., Any]) -> None:
    """With some sends that are not in parts."""
    make_send(1)
    fill(NUMBER)
    ids = list(Send.objects.order_by("pk").values_list("pk", flat=True))
    later = Send.objects.filter(pk__in=[*ids[-30:], *ids[10::13]])
    later.update(is_searchable=True)
    while history_fill():
        pass
    later.update(is_searchable=False)


@pytest.mark.parametrize(("batch", "width"), [(500, 20_000), (7, 100)])
def test_each_filter_exports_what_it_finds(
    batch: int, width: int, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH", batch)
    monkeypatch.setattr(reading, "FIRST_RANGE", width)
    monkeypatch.setattr(reading, "MOST_RANGE", width * 5)
    actor = auditor.to_actor()
    kinds = set()
    for chosen in FILTERS:
        rows = Order.read("history", "csv", chosen).rows(actor)
        kinds.add(isinstance(rows, Found))
        found = [row.pk for piece in pieces(rows, extent_of(Delivery)) for row in piece.rows]
        asked = DeliveryFilter.from_mapping(chosen)
        plain = deliveries_visible(actor).filter(asked.to_condition())
        assert found == list(plain.values_list("pk", flat=True)), chosen
    assert kinds == {True, False}


def test_the_number_decides_whether_it_is_small(auditor: User, settings: Any) -> None:
    actor = auditor.to_actor()
    for chosen in FILTERS:
        order = Order.read("history", "csv", chosen)
        asked = DeliveryFilter.from_mapping(chosen)
        number = deliveries_visible(actor).filter(asked.to_condition()).count()
        for limit in {number, max(0, number - 1)}:
            settings.EXPORT_AT_ONCE_ROWS = limit
            assert is_small(actor, order) == (number <= limit), (chosen, number, limit)
