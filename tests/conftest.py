"""What all tests share: named people, a small world of chats and notices, and a real simulator."""

import copy
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import settings as hypothesis_settings

from console.accounts.models import ApiClient, Team, User
from console.accounts.roles import Role
from console.accounts.services import team_create
from console.catalogue.models import NoticeVersion, VisibilityPreset
from console.database.clock import near_now
from console.database.sessions import COMMAND, use_limits
from console.interactions.models import ChatServer, Interaction
from console.interactions.services import chat_server_create
from console.sends.models import Send
from tests.support import factories, shared_world, warm_start
from tests.support.browsing import browser, complaints, sessions  # noqa: F401 - for all folders
from tests.support.compact import PageClient
from tests.support.demos import demo  # noqa: F401 - one more
from tests.support.factories import ROOT
from tests.support.probes import Probes
from tests.support.quick import Quick
from tests.support.signing_in import sign_in
from tests.support.simulators import Simulator, running_simulator
from tests.support.spreading import Spreading, spreads_tests
from tests.support.static_files import cheap_static_files
from tests.support.template_database import (
    copy_what_is_migrated,
    end_left_sessions,
    keep_a_copy,
    stop_autovacuum,
)
from tests.support.untraced import Untraced
from tests.support.usual_settings import USUAL, forget_what_was_found_out

# How long an example takes says how busy the machine is.
hypothesis_settings.register_profile("however long it takes", deadline=None)
hypothesis_settings.load_profile("however long it takes")
PRESETS = {"Everyone": "ALL", "Staff only": "INT", "Supervisors only": "VIP"}  # by a migration


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="what tests/support/quick.py says")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        config.pluginmanager.register(Quick())
    config.pluginmanager.register(Spreading())
    config.pluginmanager.register(Probes())
    config.pluginmanager.register(Untraced(spreads=spreads_tests(config)))
    gc.disable()  # what is loaded and collected stays: looking it through takes a quarter of it


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = shared_world.grouped(items)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _usual_settings(settings: Any) -> None:
    for name, value in USUAL.items():
        setattr(settings, name, copy.copy(value))


@pytest.fixture(autouse=True, scope="session")
def _cheap_static_files() -> Iterator[None]:
    with cheap_static_files():
        yield


@pytest.fixture(autouse=True, scope="session")
def _libraries_loaded_once() -> Iterator[None]:
    yield
    warm_start.end()


@pytest.fixture(autouse=True, scope="session")
def _emptied_quickly() -> Iterator[None]:
    """Tests with real commits empty all tables when they are over. Django truncates them, and makes
    anew what its migrations made: a second each time. Few rows are deleted in a hundredth of it.
    The presets, which came by a migration, are made again."""
    from django.db import connection
    from django.test import TransactionTestCase

    empty_slowly = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def empty(case: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            if not cursor.fetchone()[0]:
                empty_slowly(case)
                make_presets()
                return
            # No trigger fires: neither those that keep rows, nor those of foreign keys.
            tables = set(connection.introspection.django_table_names()) - KEPT_TABLES
            deletes = "; ".join(f'DELETE FROM "{table}"' for table in sorted(tables))
            cursor.execute(f"SET session_replication_role = replica; {deletes}")
            cursor.execute("SET session_replication_role = DEFAULT")
        make_presets()

    def make_presets() -> None:
        VisibilityPreset.objects.bulk_create(
            VisibilityPreset(name=name, visibility=visibility, is_approved=True)
            for name, visibility in PRESETS.items()
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


KEPT_TABLES = {"django_content_type", "auth_permission"}
# Of the other way: what refuses to be truncated.
NOT_EMPTIED = {
    "audit_auditentry": "audit_entry_not_emptied",
    "audit_auditcheckpoint": "audit_checkpoint_not_emptied",
    "audit_auditseal": "audit_seal_not_emptied",
    "audit_auditsignature": "audit_signature_not_emptied",
    "audit_auditcertificate": "audit_certificate_not_emptied",
    "catalogue_noticeversion": "versions_not_emptied",
    "sends_delivery": "deliveries_not_emptied",
    "sends_evidence": "evidence_not_emptied",
}


def _switch_truncating(how: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for table, trigger in NOT_EMPTIED.items():
            cursor.execute(f"ALTER TABLE {table} {how} TRIGGER {trigger}")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        stop_autovacuum()
        copy_what_is_migrated()


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: Any, pytestconfig: pytest.Config
) -> Iterator[None]:
    with django_db_blocker.unblock():
        keep_a_copy()
        _switch_truncating("DISABLE")
    yield
    with django_db_blocker.unblock():
        left = end_left_sessions()
    capture: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        for said in left:
            print(f"A test has left a session: {said}", file=sys.stderr)


@pytest.fixture
def truncating_refused(db: None) -> None:
    """As on a real site; the test's own rollback takes it back."""
    _switch_truncating("ENABLE")


@pytest.fixture(autouse=True, scope="session")
def _clock_counts_on() -> Iterator[None]:
    """However long a test takes on a slow machine, PostgreSQL's clock is asked once for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("console.database.clock.NEAR_SECONDS", 86_400.0)
        yield


@pytest.fixture(autouse=True)
def _limits_of_a_command() -> Iterator[None]:
    """A server that is started within a test gives its limits to this whole process."""
    yield
    use_limits(COMMAND)


@pytest.fixture(autouse=True, scope="module")
def _shared_world_taken_back(django_db_blocker: Any) -> Iterator[None]:
    yield
    with django_db_blocker.unblock():
        shared_world.take_back()


@pytest.fixture
def _shared_world_there(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any
) -> bool:
    """Whether the test has a world that it shares with others, which stands by then."""
    with django_db_blocker.unblock():
        return shared_world.prepare(request.node)


@pytest.fixture
def _django_db_helper(_shared_world_there: bool, _django_db_helper: None) -> None:
    """By it pytest-django begins the test's own transaction: within that of the shared world."""


@pytest.fixture(autouse=True)
def _clean_start(request: pytest.FixtureRequest) -> None:
    """Tests with real commits leave what flushing the tables does not mend: jobs in tables that
    Django does not manage."""
    if request.node.get_closest_marker("django_db") or "db" in request.fixturenames:
        request.getfixturevalue("db")
        from django.db import connection

        if not request.getfixturevalue("_shared_world_there"):
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM procrastinate_jobs")
        near_now()  # asked now, so that it is none of the queries that a test counts


@pytest.fixture(autouse=True)
def _nothing_found_out_yet() -> None:
    forget_what_was_found_out()


# --- People --------------------------------------------------------------------------------------


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    return factories.make_user


@pytest.fixture
def team(db: None) -> Team:
    """The team that serves the queue `sales`; other queues are everybody's."""
    return team_create(ROOT, name="Sales", queues=["sales"])


@pytest.fixture
def supervisor(make_user: Callable[..., User], team: Team) -> User:
    return make_user("sue", Role.SUPERVISOR, teams=[team])


@pytest.fixture
def outsider(make_user: Callable[..., User]) -> User:
    """A supervisor of no team: sees none of the chats in `sales`."""
    return make_user("otto", Role.SUPERVISOR)


@pytest.fixture
def editor(make_user: Callable[..., User]) -> User:
    return make_user("eddy", Role.EDITOR)


@pytest.fixture
def approver(make_user: Callable[..., User]) -> User:
    return make_user("anna", Role.APPROVER)


@pytest.fixture
def auditor(make_user: Callable[..., User]) -> User:
    return make_user("audrey", Role.AUDITOR)


@pytest.fixture
def administrator(make_user: Callable[..., User]) -> User:
    return make_user("adam", Role.ADMINISTRATOR)


@pytest.fixture
def make_client(db: None) -> Callable[..., tuple[ApiClient, str]]:
    """An API client with scopes, and its token."""
    numbers = count(1)

    def make(*scopes: str, name: str = "") -> tuple[ApiClient, str]:
        return factories.make_client(name or f"client {next(numbers)}", *scopes)

    return make


@pytest.fixture
def browse(db: None) -> Callable[[User | None], Client]:
    """A client signed in as somebody, or as nobody."""

    def browser_of(user: User | None = None) -> Client:
        client = PageClient()
        return client if user is None else sign_in(client, user)

    return browser_of


# --- The world -----------------------------------------------------------------------------------


@pytest.fixture
def chat_server(db: None) -> ChatServer:
    """A registered Chat Server that nobody listens for."""
    return chat_server_create(ROOT, name="chat-east", url="esp+json://127.0.0.1:9")


@pytest.fixture
def make_interaction(db: None) -> Callable[..., Interaction]:
    """A live chat, fed in as a site would feed it."""
    numbers = count(1)

    def make(interaction_id: str = "", **interaction: Any) -> Interaction:
        return factories.make_interaction(
            interaction_id or f"chat{next(numbers):04}", **interaction
        )

    return make


@pytest.fixture
def make_notice(db: None) -> Callable[..., NoticeVersion]:
    """A published notice: written by one, approved by another."""
    numbers = count(1)

    def make(*body: str, key: str = "", **version: Any) -> NoticeVersion:
        return factories.make_notice(key or f"notice-{next(numbers)}", *body, **version)

    return make


@pytest.fixture
def make_send(
    supervisor: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
) -> Callable[..., Send]:
    """A send of the supervisor's to a number of new chats, or to those with these ids."""

    def make(
        chats: int | list[str] = 1, *, body: str = "Hello {{ data.FirstName }}.", **wanted: Any
    ) -> Send:
        notice = make_notice(body).notice
        ids = [make_interaction().pk for _ in range(chats)] if isinstance(chats, int) else chats
        return factories.make_send(supervisor, notice.key, ids, **wanted)

    return make


# --- Chat Server ---------------------------------------------------------------------------------


@pytest.fixture
def start_simulator(
    tmp_path: Path,
) -> Iterator[Callable[..., Simulator]]:
    """Start simulators, processes of their own, that end with the test."""
    running: list[AbstractContextManager[Simulator]] = []
    numbers = count(1)

    def start(name: str = "chat-east", **options: Any) -> Simulator:
        journal = options.pop("journal", tmp_path / f"journal-{next(numbers)}.jsonl")
        context = running_simulator(name, journal, **options)
        running.append(context)
        return context.__enter__()

    yield start
    for context in reversed(running):
        context.__exit__(None, None, None)


@pytest.fixture
def simulator(start_simulator: Callable[..., Simulator], db: None) -> Simulator:
    """A running simulator, registered as the Chat Server `chat-east`, unpaced."""
    started = start_simulator()
    chat_server_create(
        ROOT,
        name="chat-east",
        url=started.url,
        pace_per_second=100_000,
        burst=100_000,
        request_timeout_seconds=2,
        connect_timeout_seconds=2,
    )
    return started
