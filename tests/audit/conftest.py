"""What own work and the ledger's services need, the application's role has: these tests are run by
it, as docs/postgresql.md sets it up. Only archiving is the owner's."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(autouse=True)
def _by_the_applications_role(request: pytest.FixtureRequest) -> Iterator[None]:
    marker = request.node.get_closest_marker("django_db")
    if marker is None or request.node.path.stem not in BY_THE_APPLICATIONS_ROLE:
        yield
        return
    request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
    grants = (PROJECT / "deploy/postgresql/grants.sql").read_text("utf-8")
    with connection.cursor() as cursor:
        cursor.execute(ROLE)
        cursor.execute(re.sub(r"(?m)^(BEGIN|COMMIT);$", "", grants))
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
