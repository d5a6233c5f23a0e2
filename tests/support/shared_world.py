"""Worlds that are made once for all tests of a file that ask for them.

    made = shared_world("made", make)

    @pytest.fixture
    def supervisor(made): return made["supervisor"]

`make` runs in a transaction that stays open, with the usual settings of tests. Each test runs
within a savepoint of it and gets a copy of what `make` has answered, so no test sees what another
has done. The world is taken back for a test that does not ask for it, and at the end of the file.
Other fixtures that make the same things (`supervisor`, `team`, `chat_server`) must be replaced in
the file by those of the world.
"""

import copy
from collections.abc import Callable
from itertools import chain, groupby
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import override_settings

from tests.support.usual_settings import USUAL, forget_what_was_found_out

Make = Callable[[], Any]
_makes: dict[str, Make] = {}


class _Open:
    """The world that is there now: its name, and what its maker has answered."""

    name = ""
    made: Any = None
    transaction: Any = None


_open = _Open()


def shared_world(name: str, make: Make) -> Any:
    """Return the fixture of this name. Names are those of one file alone."""
    key = f"{make.__module__}.{name}"
    assert key not in _makes
    _makes[key] = make

    @pytest.fixture(name=name)
    def world(db: None) -> Any:
        # A test whose commits are real has a world of its own.
        return copy.deepcopy(_open.made) if _open.name == key else make()

    world._shared_world = key  # type: ignore[attr-defined]
    return world


def prepare(item: pytest.Item) -> bool:
    """Before the test's own transaction begins: make the world that it asks for, and take back any
    other. Return whether it has one."""
    wanted = "" if _commits(item) else _wanted(item)
    if _open.name != wanted:
        take_back()
        if wanted:
            _begin(wanted)
    if wanted:
        # What is known of a transaction goes with it, and for a test a new one begins.
        connection._give_up()  # type: ignore[attr-defined]
    return bool(wanted)


def grouped(items: list[pytest.Item]) -> list[pytest.Item]:
    """Tests in the same order, but within each file those of one world together; those whose
    commits are real come last."""
    found: list[pytest.Item] = []
    for _file, tests in groupby(items, lambda item: item.nodeid.partition("::")[0]):
        groups: dict[str, list[pytest.Item]] = {}
        for item in tests:
            groups.setdefault("commits" if _commits(item) else _wanted(item), []).append(item)
        last = groups.pop("commits", [])
        found += [*chain.from_iterable(groups.values()), *last]
    return found


def _commits(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    given = getattr(item, "fixturenames", ())
    return bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in given


def _wanted(item: pytest.Item) -> str:
    module = getattr(item, "module", None)
    for name in getattr(item, "fixturenames", ()):
        key = getattr(getattr(module, name, None), "_shared_world", "")
        if key:
            return str(key)
    return ""


def _begin(name: str) -> None:
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    block.__enter__()
    _open.name, _open.transaction = name, block
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    forget_what_was_found_out()
    try:
        with override_settings(**USUAL):
            _open.made = _makes[name]()
    except BaseException:
        take_back()
        raise


def take_back() -> None:
    if not _open.name:
        return
    block = _open.transaction
    _open.name, _open.made, _open.transaction = "", None, None
    transaction.set_rollback(True)
    block.__exit__(None, None, None)
