"""The ledger: whole, in order, and written with what it records or not at all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.accounts.models import Team, User
from console.accounts.services import team_create
from console.actors import Actor, system_actor
from console.audit import selectors
from console.audit.chain import GENESIS, canonical_time, entry_hash
from console.audit.models import AuditEntry
from console.audit.services import Record, record, record_many
from console.catalogue.models import NoticeVersion
from console.errors import PermissionRefused
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_update
from tests.support.tampering import triggers_off

ROOT = system_actor("tests")


def verified() -> list[AuditEntry]:
    """The whole ledger as the database has it, each link of the chain computed anew."""
    entries = list(AuditEntry.objects.order_by("seq"))
    previous = GENESIS
    for number, entry in enumerate(entries, start=1):
        assert entry.seq == number
        assert entry.prev_hash == previous
        fields = {
            name: getattr(entry, name)
            for name in (
                *("seq", "actor_ref", "actor_name", "action", "target_kind", "target_ref"),
                *("target_name", "data", "prev_hash"),
            )
        }
        assert entry.hash == entry_hash({**fields, "at": canonical_time(entry.at)})
        previous = entry.hash
    return entries


# --- The chain -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_entries_are_chained_from_the_first() -> None:
    record(ROOT, "one", target=("thing", 1, "Thing"))
    record_many(ROOT, [Record("two", ("thing", 2, "T")), Record("three", ("thing", 3, "T"))])
    record_many(ROOT, [])
    entries = verified()
    assert [entry.action for entry in entries] == ["one", "two", "three"]
    first = entries[0]
    assert (first.actor_ref, first.actor_name) == ("system:tests", "Notice Console (tests)")
    assert (first.target_kind, first.target_ref, first.target_name) == ("thing", "1", "Thing")
    assert first.data == {}


@pytest.mark.django_db
def test_what_the_services_write_verifies(
    make_notice: Callable[..., NoticeVersion],
    chat_server: ChatServer,
    supervisor: User,
    auditor: User,
) -> None:
    make_notice(bodies={"en": "Hi", "ja": "こんにちは 👋\u2028"})
    chat_server_update(ROOT, chat_server, pace_per_second=0.1, request_timeout_seconds=1e-0)
    assert len(verified()) > 5


@pytest.mark.django_db
def test_a_changed_entry_is_noticed() -> None:
    for number in range(3):
        record(ROOT, "counted", target=("thing", number, "T"), data={"n": number})
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditentry SET actor_name = 'Somebody' WHERE seq = 2")
    with pytest.raises(AssertionError):
        verified()


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)


@pytest.mark.django_db
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    data=st.dictionaries(
        TEXTS,
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXTS,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    ),
    name=TEXTS,
)
def test_an_entry_comes_back_as_it_was_hashed(data: dict[str, Any], name: str) -> None:
    record(ROOT, "noted", target=("thing", name, name), data=data)
    newest = verified()[-1]
    assert (newest.data, newest.target_ref, newest.target_name) == (data, name, name)


@pytest.mark.django_db
@pytest.mark.parametrize("data", [{"a": 1.5}, {"a": float("nan")}, {1: "a"}])
def test_what_would_not_verify_is_not_written(data: Any) -> None:
    with pytest.raises((TypeError, ValueError)), transaction.atomic():
        record(ROOT, "noted", target=("thing", 1, "T"), data=data)
    assert verified() == []


@pytest.mark.django_db
def test_a_long_name_is_cut_to_what_fits() -> None:
    record(ROOT, "noted", target=("thing", 1, "ü" * 300))
    assert len(verified()[0].target_name) == 255


# --- With what it records, or not at all ---------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_entry_needs_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record(ROOT, "noted", target=("thing", 1, "T"))
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_entry_and_no_gap() -> None:
    team_create(ROOT, name="Sales")
    with transaction.atomic():
        team_create(ROOT, name="Support")
        transaction.set_rollback(True)
    team_create(ROOT, name="Orders")
    assert [entry.target_name for entry in verified()] == ["Sales", "Orders"]


@pytest.mark.django_db(transaction=True)
def test_what_can_not_be_recorded_does_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any, **_named: Any) -> None:
        raise OSError("the ledger is full")

    monkeypatch.setattr("console.audit.services.record", broken)
    with pytest.raises(OSError, match="full"):
        team_create(ROOT, name="Sales")
    assert not Team.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_moment_make_one_chain() -> None:
    writers, rounds = 6, 5
    start = Barrier(writers)

    def write(number: int) -> None:
        actor = Actor(f"user:{number}", f"Writer {number}", ROOT.permissions)
        try:
            start.wait(60)
            for round in range(rounds):
                with transaction.atomic():
                    target = ("thing", round, f"{number}")
                    record_many(actor, [Record("noted", target), Record("noted again", target)])
        finally:
            connection.close()

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    entries = verified()
    assert len(entries) == writers * rounds * 2
    # A transaction's entries stand together.
    pairs = zip(entries[::2], entries[1::2], strict=True)
    assert all(first.actor_ref == second.actor_ref for first, second in pairs)


# --- Reading -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_trail_is_read_newest_first_and_by_filters(auditor: User) -> None:
    record(ROOT, "notice.created", target=("notice", "delay", "T"))
    record(ROOT, "notice.retired", target=("notice", "delay", "T"))
    record(ROOT, "version.created", target=("version", "delay/1", "T"))
    actor = auditor.to_actor()

    def actions(found: QuerySet[AuditEntry]) -> list[str]:
        return [entry.action for entry in found if entry.action != "user.created"]

    assert actions(selectors.audit_entries(actor)) == [
        "version.created",
        "notice.retired",
        "notice.created",
    ]
    assert len(actions(selectors.audit_entries(actor, target_kind="notice"))) == 2
    assert len(actions(selectors.audit_entries(actor, target_ref="delay/1"))) == 1
    assert actions(selectors.audit_entries(actor, action="notice.r")) == ["notice.retired"]
    assert actions(selectors.audit_entries(actor, action="%")) == []


@pytest.mark.django_db
@pytest.mark.parametrize("person", ["supervisor", "editor", "approver", "administrator"])
def test_only_auditors_read_the_trail(person: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(PermissionRefused):
        selectors.audit_entries(request.getfixturevalue(person).to_actor())
