"""What can't be recorded does not happen: for every service that there is.

The ledger is really broken here, by a trigger of PostgreSQL's, and every table is looked at.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction

from console.accounts.models import User
from console.audit.actions import EVENTS, OF_A_FILE, Action
from console.audit.models import AuditEntry
from tests.architecture.services_found import services
from tests.audit.every_service import CALLS, PARTS, UNRECORDED
from tests.audit.small_world import Call, World
from tests.support.broken_ledger import break_ledger
from tests.support.every_table import everything


def test_no_service_is_forgotten() -> None:
    found, listed = services(), {*CALLS, *UNRECORDED, *PARTS}
    assert len(found) > 40
    assert found - listed == set(), (
        "These services write, or take an actor, and nobody tries what they do when the ledger is "
        "broken. Add a line for each to CALLS in tests/audit/every_service.py (where it records "
        "nothing by design: to UNRECORDED, with the reason)."
    )
    assert listed - found == set(), (
        "There are no such services any more. Take them out of tests/audit/every_service.py."
    )


def test_each_is_listed_once() -> None:
    assert not CALLS.keys() & UNRECORDED.keys()
    assert not PARTS.keys() & (CALLS.keys() | UNRECORDED.keys())


@contextmanager
def taken_back() -> Iterator[None]:
    """The world as it was, when this is over. In it a service's transaction is the outermost."""
    world = transaction.atomic()
    world._from_testcase = True  # type: ignore[attr-defined]
    with world:
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_each_writes_an_entry(world: World) -> None:
    silent, unlisted = [], []
    for service, prepare in CALLS.items():
        with taken_back():
            call = prepare(world)
            before = AuditEntry.objects.latest("seq").seq
            call()
            entries = AuditEntry.objects.filter(seq__gt=before)
            if not entries:
                silent.append(service)
            unlisted += [f"{service}: {wrong}" for entry in entries if (wrong := undeclared(entry))]
    assert silent == [], "these have recorded nothing"
    assert unlisted == [], "say so in console/audit/actions.py"


def undeclared(entry: AuditEntry) -> str:
    """What of an entry the table of actions does not know."""
    if entry.action not in Action.values:
        return entry.action
    event = EVENTS[Action(entry.action)]
    names = set(entry.data) - event.data - OF_A_FILE
    if event.target == entry.target_kind and not names:
        return ""
    return f"{entry.action} of {entry.target_kind} with {sorted(names)}"


def test_each_action_is_declared() -> None:
    assert EVENTS.keys() == set(Action)


@pytest.mark.django_db
def test_without_an_entry_none_does_anything(world: World) -> None:
    for service, prepare in CALLS.items():
        with taken_back():
            _require_nothing_done(service, prepare(world))


def _require_nothing_done(service: str, call: Call) -> None:
    print(service)  # for whoever looks at a failure
    break_ledger()
    before = everything()
    with pytest.raises(DatabaseError, match="the ledger is broken"):
        call()
    if connection.needs_rollback or _is_aborted():
        pytest.fail(f"{service} writes in no transaction of its own: nothing takes it back")
    after = everything()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == set(), f"{service} has changed what it could not record"


def _is_aborted() -> bool:
    """Whether the test's own transaction is what the failure has ended."""
    return connection.connection.info.transaction_status.name == "INERROR"


@pytest.mark.django_db
def test_a_change_anywhere_would_be_noticed(world: World) -> None:
    before = everything()
    User.objects.update(first_name="Another")
    assert [name for name, now in everything().items() if now != before[name]] == ["accounts_user"]
