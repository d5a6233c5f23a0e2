"""A list is read in pieces: whole, in order, up to a moment, and never much at once."""

import pytest
from django.db import OperationalError, connection
from django.db.models.expressions import RawSQL
from django.test.utils import CaptureQueriesContext

from console.exports import reading
from console.exports.reading import Extent, Piece, extent_of, pieces
from console.sends.models import Delivery
from tests.exports.conftest import Sent

pytestmark = pytest.mark.django_db


def keys(found: list[Piece]) -> list[int]:
    return [row.pk for piece in found for row in piece.rows]


def all_keys() -> list[int]:
    return list(Delivery.objects.order_by("-pk").values_list("pk", flat=True))


@pytest.mark.parametrize(("batch", "width"), [(500, 20_000), (2, 3), (3, 2), (1, 1), (7, 7)])
def test_each_row_comes_once_newest_first(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, batch: int, width: int
) -> None:
    monkeypatch.setattr(reading, "BATCH", batch)
    monkeypatch.setattr(reading, "FIRST_RANGE", width)
    monkeypatch.setattr(reading, "MOST_RANGE", width)
    sent(chats=7)
    rows = Delivery.objects.all()
    found = list(pieces(rows, extent_of(Delivery)))
    assert keys(found) == all_keys()
    assert max(len(piece.rows) for piece in found) <= batch
    assert found[-1].down_to == extent_of(Delivery).lowest
    places = [piece.down_to for piece in found]
    assert places == sorted(places, reverse=True)


def test_what_comes_later_is_not_in_it(sent: Sent) -> None:
    sent(chats=2)
    before = all_keys()
    extent = extent_of(Delivery)
    sent(chats=2)
    assert keys(list(pieces(Delivery.objects.all(), extent))) == before


def test_an_empty_table_is_read_at_once() -> None:
    extent = extent_of(Delivery)
    assert list(pieces(Delivery.objects.all(), extent)) == []
    assert extent.share_read(1) == 1.0


def test_a_filter_that_nothing_matches_takes_few_short_statements(sent: Sent) -> None:
    """Ranges grow where nothing is found: ten million keys take a handful."""
    sent()
    extent = Extent(1, 10_000_000)
    rows = Delivery.objects.filter(interaction_id="nobody")
    with CaptureQueriesContext(connection) as captured:
        found = list(pieces(rows, extent))
    assert keys(found) == []
    assert len(captured) < 20
    assert all("LIMIT 500" in query["sql"] and '"id" > ' in query["sql"] for query in captured)


@pytest.mark.django_db(transaction=True)
def test_a_range_that_takes_too_long_is_read_in_smaller_ones(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends what takes too long: eight rows do here, one does not."""
    sent(chats=8)
    monkeypatch.setattr(reading, "FIRST_RANGE", 64)
    monkeypatch.setattr(reading, "LEAST_RANGE", 1)
    rows = Delivery.objects.annotate(slept=RawSQL("pg_sleep(0.1)::text", []))
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as captured:
        cursor.execute("SET statement_timeout TO 500")
        found = list(pieces(rows, extent_of(Delivery)))
        cursor.execute("RESET statement_timeout")
    assert keys(found) == all_keys()
    assert len([query for query in captured if "pg_sleep" in query["sql"]]) > len(found)
    monkeypatch.setattr(reading, "LEAST_RANGE", 64)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout TO 500")
        with pytest.raises(OperationalError, match="statement timeout"):
            list(pieces(rows, extent_of(Delivery)))
        cursor.execute("RESET statement_timeout")


def test_other_errors_are_errors(sent: Sent) -> None:
    sent()

    def broken(*_args: object) -> None:
        raise OperationalError("gone")

    rows = Delivery.objects.all()
    extent = extent_of(Delivery)
    with connection.execute_wrapper(broken), pytest.raises(OperationalError):
        list(pieces(rows, extent))


def test_the_place_in_the_keys_says_how_much_is_read() -> None:
    extent = Extent(101, 200)
    assert extent.share_read(200) == pytest.approx(0.01)
    assert extent.share_read(151) == pytest.approx(0.5)
    assert extent.share_read(101) == 1.0
