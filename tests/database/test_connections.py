"""Statements that are parsed and planned once a connection."""

from uuid import UUID

import pytest
from django.db import DataError, connection, transaction

from console.database.connections import array, execute, execute_rows, pipelined

pytestmark = pytest.mark.django_db

STATEMENT = "SELECT %(n)s::int + 1 AS more, 'a prepared statement of the tests' AS words"


def times_prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s",
            ["%a prepared statement of the tests%"],
        )
        return int(cursor.fetchone()[0])


def test_a_statement_is_prepared_when_it_first_runs_and_then_used() -> None:
    assert execute_rows(STATEMENT, {"n": 1})[0][0] == 2
    assert times_prepared() == 1
    assert execute(STATEMENT, {"n": 2}) == [
        {"more": 3, "words": "a prepared statement of the tests"}
    ]
    assert times_prepared() == 1


def test_arrays_are_what_postgresql_reads() -> None:
    one = UUID(int=1)
    found = execute_rows(
        "SELECT %(ids)s::bigint[], %(some)s::int[], %(claims)s::uuid[], %(none)s::bigint[]",
        {"ids": array([1, 2**40]), "some": array([None, 3]), "claims": array([one]), "none": "{}"},
    )
    assert found == [([1, 2**40], [None, 3], [one], [])]


def test_statements_of_a_pipeline_run_in_order_and_tell_their_rows_at_its_end() -> None:
    with transaction.atomic():
        execute_rows("CREATE TEMPORARY TABLE piped (n int) ON COMMIT DROP", {})
        with pipelined() as pipeline:
            started = [
                pipeline.start("INSERT INTO piped VALUES (%(n)s::int) RETURNING n", {"n": n})
                for n in (1, 2)
            ]
            counted = pipeline.start("SELECT count(*) FROM piped", {})
        assert [each.rows() for each in started] == [[(1,)], [(2,)]]
        assert counted.rows() == [(2,)]


def test_an_error_in_a_pipeline_is_djangos_and_the_transaction_is_rolled_back() -> None:
    execute_rows("CREATE TEMPORARY TABLE piped (n int)", {})

    def fail() -> None:
        with transaction.atomic(), pipelined() as pipeline:
            pipeline.start("INSERT INTO piped VALUES (%(n)s::int)", {"n": 1})
            pipeline.start("SELECT 1 / %(n)s::int", {"n": 0})
            pipeline.start("INSERT INTO piped VALUES (%(n)s::int)", {"n": 2})

    with pytest.raises(DataError):
        fail()
    assert execute_rows("SELECT n FROM piped", {}) == []
    execute_rows("DROP TABLE piped", {})
