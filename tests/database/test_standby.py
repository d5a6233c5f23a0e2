"""A standby that pages read: each page says where it is from, and that is true whatever happens to
the standby."""

import html
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, router
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.accounts.models import User
from console.accounts.services import user_update
from console.accounts.states import user_state
from console.audit.models import AuditEntry
from console.database import standby as reads
from console.database.reading import STANDBY, Router, reading_from_standby
from console.database.settings import standby_settings
from console.exports.reading import extent_of, pieces
from tests.support.demos import Program, until
from tests.support.factories import ROOT
from tests.support.serving import Server, serving, site_settings
from tests.support.signing_in import sign_in
from tests.support.standby import Standby, standby

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
READ_FROM = re.compile(r'data-read-from="(\w+)">\s*(.*?)\s*</p>', re.DOTALL)
# Longer than any test takes, however slow the machine is.
LAG_SECONDS = 3600


@pytest.fixture(scope="module")
def _running(django_db_setup: None, django_db_blocker: Any) -> Iterator[Standby]:
    with django_db_blocker.unblock(), standby() as running:
        known = connections.settings
        connections.settings = connections.configure_settings(
            {"default": known["default"]} | standby_settings(running.url)
        )
        yield running
        connections[STANDBY].close()
        connections.settings = known


@pytest.fixture
def copy(_running: Standby) -> Iterator[Standby]:
    """It replays again afterwards, whatever a test did with it."""
    yield _running
    _running.be_well()


@dataclass
class Page:
    status: int
    text: str

    @property
    def read_from(self) -> str:
        found = READ_FROM.search(self.text)
        return found[1] if found else ""

    @property
    def said(self) -> str:
        found = READ_FROM.search(self.text)
        return html.unescape(found[2]) if found else ""


class Reader:
    """A person who looks at lists of a server."""

    def __init__(self, server: Server, user: User) -> None:
        self.server = server
        cookies = sign_in(Client(), user).cookies
        self.cookie = (
            f"{settings.SESSION_COOKIE_NAME}={cookies[settings.SESSION_COOKIE_NAME].value}"
        )

    def page(self, path: str = "/history/") -> Page:
        answer = self.server.ask(path, Cookie=self.cookie)
        return Page(answer.status, answer.body.decode())

    def comes_to(self, read_from: str, text: str = "", said: str = "") -> Page:
        """The first page that is read from there, has this text, and says this of the reading."""

        def found() -> Page | None:
            page = self.page()
            is_it = page.read_from == read_from and text in page.text and said in page.said
            return page if is_it else None

        return until(found)


@contextmanager
def reading(copy: Standby, user: User, **more: Any) -> Iterator[Reader]:
    chosen: dict[str, Any] = {
        "CONSOLE_REPLICA_URL": copy.url,
        "CONSOLE_REPLICA_LAG_SECONDS": str(LAG_SECONDS),
    }
    with serving(**chosen | more) as server:
        yield Reader(server, user)


@pytest.fixture
def both(make_user: Callable[..., User]) -> User:
    return make_user("olga", "supervisor", "auditor")


MakeSend = Callable[..., Any]


def test_what_was_just_done_is_found_or_the_page_says_that_it_may_be_missing(
    copy: Standby, both: User, make_send: MakeSend, make_client: Callable[..., Any]
) -> None:
    token = f"Bearer {make_client('read')[1]}"
    with reading(copy, both) as reader:
        make_send(["first-chat"])
        reader.comes_to("standby", "first-chat", "Read from a standby, 0 seconds behind.")

        copy.ask("SELECT pg_wal_replay_pause()")
        make_send(["second-chat"])
        page = reader.page()
        assert page.read_from == "standby"
        assert "second-chat" not in page.text
        assert re.match(r"Read from a standby, [1-9]\d* seconds behind. .*just done", page.said)
        trail = reader.page("/audit/")
        assert re.match(r"Read from a standby, [1-9]\d* seconds behind.", trail.said)
        # Programs, who read no sentences, get everything.
        answer = reader.server.ask("/api/v1/deliveries/", Authorization=token)
        found = [row["interaction"] for row in json.loads(answer.body)["results"]]
        assert found == ["second-chat", "first-chat"]

        copy.ask("SELECT pg_wal_replay_resume()")
        reader.comes_to("standby", "second-chat", "Read from a standby, 0 seconds behind.")


def test_one_that_lags_by_more_than_may_be_is_not_read(
    copy: Standby, both: User, make_send: MakeSend
) -> None:
    """It applies what is a minute old."""
    with reading(copy, both, CONSOLE_REPLICA_LAG_SECONDS="1") as reader:
        copy.ask("ALTER SYSTEM SET recovery_min_apply_delay = '1min'")
        copy.ask("SELECT pg_reload_conf()")
        make_send(["first-chat"])
        page = reader.comes_to("primary")
        assert "first-chat" in page.text
        assert re.fullmatch(
            r"Read from the primary, since the standby is \d+ seconds behind. It may be at most 1.",
            page.said,
        )
        until(lambda: "standby_late" in troubles(reader.server))
        shown = reader.page("/operations/").text
        assert "Searches and exports read the primary." in shown
        assert "Standby behind" in shown
        assert metric(reader.server, "console_standby_readable") == 0
        assert metric(reader.server, "console_standby_lag_seconds") > 1


def troubles(server: Server) -> list[str]:
    answer = server.ask("/readyz")
    assert answer.status == 200
    return [each["code"] for each in json.loads(answer.body)["troubles"]]


def metric(server: Server, name: str) -> float:
    text = server.ask("/metrics").body.decode()
    found = re.search(rf"(?m)^{name} (\S+)$", text)
    assert found, text
    return float(found[1])


def test_pages_are_answered_while_it_goes_and_comes(
    copy: Standby, both: User, make_send: MakeSend
) -> None:
    make_send(["first-chat"])
    with reading(copy, both) as reader:
        reader.comes_to("standby", "first-chat")
        pages: list[Page] = []
        is_over = threading.Event()

        def look() -> None:
            while not is_over.is_set():
                pages.append(reader.page("/history/?q=first"))

        looking = [threading.Thread(target=look) for _ in range(2)]
        for each in looking:
            each.start()
        try:
            copy.stop()
            until(lambda: pages[-1:] and pages[-1].read_from == "primary")
            until(lambda: "standby_away" in troubles(reader.server))
            copy.start()
            until(lambda: pages[-1].read_from == "standby")
        finally:
            is_over.set()
            for each in looking:
                each.join()
    assert {page.status for page in pages} == {200}
    assert all("first-chat" in page.text for page in pages)
    said = {page.said.partition(",")[0]: page.said for page in pages}
    assert set(said) == {"Read from a standby", "Read from the primary"}
    assert said["Read from the primary"].endswith("since the standby could not be read.")


def test_a_promoted_one_is_not_read(copy: Standby, both: User, make_send: MakeSend) -> None:
    with reading(copy, both) as reader:
        reader.comes_to("standby")
        copy.ask("SELECT pg_promote()")
        make_send(["first-chat"])
        page = reader.page()
        assert (page.read_from, "first-chat" in page.text) == ("primary", True)
        assert page.said.endswith("since what is set as its standby is none.")
        until(lambda: "standby_wrong" in troubles(reader.server))


@pytest.mark.parametrize("command", ["serve", "worker", "check"])
def test_another_database_is_refused(copy: Standby, tmp_path: Any, command: str) -> None:
    words = {"serve": ["serve", "--port", "0"], "check": ["check", "--database", "default"]}
    own: dict[str, Any] = site_settings() | {"CONSOLE_REPLICA_URL": copy.url_of("postgres")}
    program = Program(*words.get(command, [command]), data=tmp_path, **own)
    assert program.wait() == 1
    program.close()
    assert "CONSOLE_REPLICA_URL leads to another database than DATABASE_URL." in program.output
    assert "Traceback" not in program.output


def test_permissions_are_read_from_the_primary(copy: Standby, both: User) -> None:
    with reading(copy, both) as reader:
        until(lambda: reader.page("/audit/").read_from == "standby")
        copy.ask("SELECT pg_wal_replay_pause()")
        user_update(ROOT, both, **user_state(both) | {"roles": ["supervisor"]})
        assert reader.page("/audit/").status == 403


# --- In this process -----------------------------------------------------------------------------

in_this_process = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def here(copy: Standby, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standby]:
    """This process reads it."""
    settings.REPLICA_URL, settings.REPLICA_LAG_SECONDS = copy.url, 60
    monkeypatch.setattr(reads._process, "retry_at", 0.0)
    monkeypatch.setitem(router.__dict__, "routers", [Router()])
    copy.catch_up()
    yield copy
    connections[STANDBY].close()


def compare(position: reads.Position) -> reads.Source:
    with reading_from_standby():
        return reads.compared(position, 0.0)


@in_this_process
def test_an_idle_primary_is_not_behind(here: Standby) -> None:
    """As if an hour had gone since it wrote anything."""
    found = reads.position()
    here.catch_up()
    later = replace(found, at=found.at + timedelta(hours=1))
    assert compare(later).seconds == 0


@in_this_process
def test_a_role_without_rights_compares_them(here: Standby) -> None:
    """The application's (docs/postgresql.md)."""
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS without_rights; CREATE ROLE without_rights")
    here.catch_up()
    found = reads.position()
    try:
        with reading_from_standby(), connections[STANDBY].cursor() as cursor:
            cursor.execute("SET ROLE without_rights")
            cursor.execute(reads.COMPARED, [found.lsn])
        with connections["default"].cursor() as cursor:
            cursor.execute("SET ROLE without_rights")
            cursor.execute(reads.PRIMARY)
            cursor.execute("RESET ROLE")
    finally:
        with connections["default"].cursor() as cursor:
            cursor.execute("DROP ROLE without_rights")


@in_this_process
def test_it_says_at_least_how_far_it_is_behind(here: Standby, make_send: MakeSend) -> None:
    here.ask("SELECT pg_wal_replay_pause()")
    make_send()
    found = reads.position()
    last = here.ask("SELECT pg_last_xact_replay_timestamp()")
    at = last + timedelta(seconds=40.2)
    assert compare(replace(found, at=at)).said == reads.BEHIND(seconds=41)
    late = compare(replace(found, at=last + timedelta(seconds=61)))
    assert (late.is_standby, late.said) == (False, reads.LATE(seconds=61, most=60))


@in_this_process
@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"system": 1}, reads.ANOTHER),
        ({"database": 1}, reads.ANOTHER),
        ({"timeline": 0}, reads.OTHER_TIMELINE),
    ],
)
def test_what_is_no_standby_of_it(here: Standby, changed: dict[str, Any], wrong: Any) -> None:
    found = compare(replace(reads.position(), **changed))
    assert (found.is_standby, found.wrong) == (False, wrong())


def read_all(reader: reads.WholeReader, after_each: Callable[[], None]) -> list[int]:
    keys = []
    for piece in pieces(AuditEntry.objects.all(), extent_of(AuditEntry), reader, keeps_open=True):
        keys += [row.pk for row in piece.rows]
        after_each()
    reader.close()
    return keys


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.exports.reading.BATCH", 3)


@in_this_process
@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("what", ["nothing", "stops", "pauses"])
def test_an_export_is_whole(here: Standby, make_send: MakeSend, what: str) -> None:
    do: dict[str, Callable[[], Any]] = {
        "nothing": lambda: None,
        "stops": here.stop,
        "pauses": lambda: here.ask("SELECT pg_wal_replay_pause()"),
    }
    make_send()
    if what == "pauses":
        do[what]()
        make_send()
    expected = list(AuditEntry.objects.order_by("-pk").values_list("pk", flat=True))
    reader = reads.WholeReader(0.0 if what == "pauses" else 30.0)
    with CaptureQueriesContext(connections["default"]) as asked:
        assert read_all(reader, do[what]) == expected
    from_primary = sum('FROM "audit_auditentry"' in each["sql"] for each in asked)
    at_start = 2  # for the extent
    assert (from_primary == at_start) == (what == "nothing")
