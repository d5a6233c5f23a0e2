"""The database of a torture can be full and read-only, for whoever is connected and who comes."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tools.torture.cluster import Cluster

pytestmark = pytest.mark.processes

GROW = "INSERT INTO much SELECT repeat('x', 1000) FROM generate_series(1, 3000)"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as a user of its own when we are root
        started = Cluster(Path(folder))
        started.start()
        try:
            yield started
        finally:
            started.close()


def open_session(cluster: Cluster, name: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(cluster.url, autocommit=True, application_name=name)


def test_full_for_all_and_then_no_more(cluster: Cluster) -> None:
    with open_session(cluster, "before") as before:
        before.execute("CREATE TABLE much (words text)")
        cluster.be_full(wanted=True)
        with open_session(cluster, "after") as after:
            for session in (before, after):
                with pytest.raises(psycopg.Error, match="could not extend file"):
                    session.execute(GROW)
                assert session.execute("SELECT count(*) FROM much").fetchone() == (0,)
            cluster.be_full(wanted=False)
            for session in (before, after):
                session.execute(GROW)


def test_read_only_for_all_and_then_no_more(cluster: Cluster) -> None:
    with open_session(cluster, "before") as before:
        before.execute("CREATE TABLE little (words text)")
        cluster.be_read_only(wanted=True)
        _until(before, "on")
        with open_session(cluster, "after") as after:
            for session in (before, after):
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    session.execute("INSERT INTO little VALUES ('x')")
            cluster.be_read_only(wanted=False)
            for session in (before, after):
                _until(session, "off")
                session.execute("INSERT INTO little VALUES ('x')")


def _until(session: "psycopg.Connection[tuple[object, ...]]", said: str) -> None:
    """The server tells its processes a moment later."""
    while session.execute("SHOW default_transaction_read_only").fetchone() != (said,):
        pass


def test_sessions_of_those_who_are_named_are_ended(cluster: Cluster) -> None:
    with open_session(cluster, "torture-one") as one, open_session(cluster, "other") as other:
        assert cluster.end_sessions("torture-%") == 1
        with pytest.raises(psycopg.OperationalError):
            one.execute("SELECT 1")
        other.execute("SELECT 1")
