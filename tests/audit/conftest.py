"""What own work and the ledger's services need, the application's role has: these tests are run by
it, as docs/postgresql.md sets it up. Only archiving is the owner's."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer, Interaction
from tests.audit.small_world import World
from tests.support.demos import ROOT as PROJECT
from tests.support.factories import ROOT

BY_THE_APPLICATIONS_ROLE = {
    *("test_own_work", "test_own_work_of_clients", "test_ledger", "test_chain"),
    *("test_attackers", "test_signatures", "test_proof_of_send"),
    *("test_kept_outside", "test_outside", "test_collecting", "test_timestamps"),
    *("test_growing", "test_publishing"),
    *("test_state_attacks", "test_vouching", "test_standing"),
}
# Roles are the whole cluster's, and other processes of this test run use it too.
ROLE = """
DO $$ BEGIN CREATE ROLE console NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN
END $$
"""


@pytest.fixture(scope="module")
def _granted(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """What the role may do, for the tests of a file: to grant it for each of them took as long as
    many a test. Other files find nothing of it."""
    grants = (PROJECT / "deploy/postgresql/grants.sql").read_text("utf-8")
    with django_db_blocker.unblock():
        _carry_out(ROLE, grants)
    yield
    with django_db_blocker.unblock():
        _carry_out("DROP OWNED BY console")


def _carry_out(*statements: str) -> None:
    """In a session of their own, which commits whatever a test's transaction does."""
    known = connection.get_connection_params()
    address = {
        name: known[name]
        for name in ("dbname", "user", "password", "host", "port")
        if known.get(name)
    }
    with psycopg.connect(**address, autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement.encode())


@pytest.fixture(autouse=True)
def _by_the_applications_role(request: pytest.FixtureRequest) -> Iterator[None]:
    marker = request.node.get_closest_marker("django_db")
    if marker is None or request.node.path.stem not in BY_THE_APPLICATIONS_ROLE:
        yield
        return
    request.getfixturevalue("_granted")
    request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE console")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


@pytest.fixture
def world(
    supervisor: User,
    approver: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
    settings: Any,
    tmp_path: Path,
) -> World:
    return World(
        root=ROOT,
        person=supervisor,
        sender=supervisor.to_actor(),
        approver=approver.to_actor(),
        server=chat_server,
        settings=settings,
        folder=tmp_path,
        make_interaction=make_interaction,
        make_notice=make_notice,
    )
