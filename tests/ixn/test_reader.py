"""Paging: every place once, and a doubt wherever not all of it came."""

import pytest

from console.esp import jvm
from console.ixn import psdk, snapshots
from console.ixn.classes import class_named
from console.ixn.errors import SnapshotFailed
from console.ixn.snapshots import Reader
from tests.support.ixn_server import Broken, IxnServer, properties


def read(snapshot: snapshots.Snapshot, page_size: int = 3) -> tuple[list[str], bool]:
    reader = Reader(snapshot, page_size=page_size)
    ids = [chat["Id"] for page in reader for chat in page]
    assert set(ids) == reader.ids
    return ids, reader.is_whole


def chats(*names: str) -> list[dict[str, object]]:
    return [properties(name) for name in names]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("tells_total", [True, False])
@pytest.mark.parametrize("first_place", [0, 1])
def test_each_comes_once_wherever_counting_begins(
    number: int, tells_total: bool, first_place: int
) -> None:
    names = [f"c{index}" for index in range(number)]
    server = IxnServer(
        {name: properties(name) for name in names},
        tells_total=tells_total,
        first_place=first_place,
    )
    assert read(server.take()) == (names, True)


def test_pages_that_are_smaller_than_asked_for_leave_nothing_out() -> None:
    names = [f"c{index}" for index in range(7)]
    server = IxnServer({name: properties(name) for name in names}, most_a_page=2)
    assert read(server.take()) == (names, True)


def test_what_ended_while_it_was_read_is_no_doubt() -> None:
    names = [f"c{index:03}" for index in range(100)]
    server = IxnServer({name: properties(name) for name in names}, is_frozen=False)
    snapshot = server.take()
    del server.chats["c050"]
    ids, is_whole = read(snapshot, page_size=10)
    assert is_whole
    assert ids == [name for name in names if name != "c050"]


@pytest.mark.parametrize(
    "snapshot",
    [
        Broken(chats("a", "b", "c"), [], total=9),
        Broken(*[chats("a", "b", "c")] * 9, total=9),
        Broken(*[chats("a", "b", "c")] * 9),
        Broken([], total=1),
    ],
    ids=["ends early", "the same page, of nine", "the same page, of who knows", "empty, of one"],
)
def test_a_snapshot_that_breaks_off_is_not_whole(snapshot: snapshots.Snapshot) -> None:
    assert read(snapshot)[1] is False


def test_an_empty_one_is_whole_and_says_that_there_is_nothing() -> None:
    assert read(Broken([], total=0)) == ([], True)


def test_an_interaction_without_an_id_can_t_be_told_from_a_missing_one() -> None:
    with pytest.raises(SnapshotFailed, match="without an Id"):
        read(Broken([{"Mediatype": "chat"}]))


def test_one_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MOST", 4)
    with pytest.raises(SnapshotFailed, match="Narrow the condition"):
        read(Broken(chats("a", "b", "c"), chats("d", "e")))


def test_a_class_that_is_not_there_is_named() -> None:
    with pytest.raises(SnapshotFailed, match="PSDK_CLASSPATH has no class RequestTakeSnapshot"):
        class_named("RequestTakeSnapshot", [])


def test_without_an_sdk_it_is_said_what_to_set_and_nothing_starts() -> None:
    wanted = psdk.Wanted(
        addresses=("psdk://127.0.0.1:1",),
        condition="x = 1",
        client_type=8,
        client_name="tests",
        timeout_seconds=1,
        java=psdk.Java(classpath=()),
    )
    with pytest.raises(SnapshotFailed, match="PSDK_CLASSPATH is not set"), psdk.opened(wanted):
        pass
    assert not jvm.is_started()
