"""The tree grows with the ledger, in pieces, and never beside what was signed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from console.audit import tasks
from console.audit.checkpoints import Unsigned, new_key, public_key
from console.audit.metrics import tree_refusal, tree_unsigned_seconds
from console.audit.models import AuditCheckpoint, AuditEntry, AuditLog, AuditTile, AuditTreeHead
from console.audit.services import DoesNotHold, checkpoint_make
from console.audit.tlog import growing, tiles, tree
from console.audit.tlog.growing import log_begin_anew, tree_grow
from console.audit.tlog.making import tree_make
from console.audit.tlog.merkle import leaf_hash, verify_consistency, verify_inclusion
from console.audit.tlog.notes import checkpoint_of
from console.audit.tlog.publishing import tree_publish
from console.audit.tlog.standing import TreeRefused
from tests.audit.tlog.conftest import ORIGIN
from tests.audit.tlog.world import (
    ITEMS,
    another_history,
    canonical,
    naive_hashes,
    naive_leaf,
    naive_root,
    sha256,
    sign,
    undone,
    write,
)
from tests.support.tampering import another_byte, run, triggers_off

pytestmark = pytest.mark.django_db


def size() -> int:
    return AuditEntry.objects.latest("seq").seq


# --- What is in it -------------------------------------------------------------------------------


def test_the_tree_has_all_entries_up_to_the_checkpoint() -> None:
    write(600)
    checkpoint_make()
    write(3)
    head = tree_grow()
    assert head is not None
    assert head.size == 600
    hashes = naive_hashes(600)
    said = checkpoint_of(head.note, tree.verifiers(ORIGIN), ORIGIN)
    assert (said.size, said.root) == (600, naive_root(hashes))
    for seq in (1, 2, 255, 256, 257, 512, 513, 600):
        proof = tree.inclusion_proof(seq, 600)
        assert verify_inclusion(hashes[seq - 1], seq - 1, 600, proof, said.root)
    assert tree_grow() is None


@pytest.mark.parametrize("at_once", [1, 7, 256, 300])
def test_it_is_the_same_tree_in_whatever_pieces_it_grows(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing, "ENTRIES_A_PIECE", at_once)
    monkeypatch.setattr(growing, "WIDTH", 256)
    heads = []
    for number in (1, 260, 39):
        write(number)
        checkpoint_make()
        heads.append(tree_grow())
    hashes = naive_hashes(300)
    for head in filter(None, heads):
        assert bytes(head.root) == naive_root(hashes[: head.size])
        proof = tree.consistency_proof(head.size, 300)
        assert verify_consistency(head.size, bytes(head.root), 300, naive_root(hashes), proof)
    assert [head.size for head in heads if head] == [1, 261, 300]


def test_one_delivery_is_shown_without_the_others() -> None:
    write(1)
    sign()
    entry = AuditEntry.objects.get(seq=1)
    said = tree.leaf_bytes(entry)
    assert b"chat seven" not in said
    assert "chat ü".encode() not in said
    hashes = [
        leaf_hash(sha256(tree.item_salt(1, number), canonical(item)))
        for number, item in enumerate(ITEMS)
    ]
    root = naive_root(hashes)
    assert root.hex().encode() in said
    assert verify_inclusion(hashes[1], 1, 2, tree.item_proof(entry, 1), root)
    assert sha256(tree.salt_of(1), said) == naive_leaf(entry)


def test_no_salt_comes_twice() -> None:
    write(300)
    sign()
    salts = [tree.salt_of(seq) for seq in range(1, 301)]
    salts += [tree.item_salt(seq, number) for seq in (1, 2, 257) for number in range(9)]
    assert len(set(salts)) == len(salts)
    assert {len(salt) for salt in salts} == {16}


# --- In pieces, whatever happens -----------------------------------------------------------------


def test_no_head_is_signed_before_the_tree_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "ENTRIES_A_PIECE", 100)
    write(450)
    checkpoint_make()
    told: list[tuple[int, int]] = []
    assert tree_grow(pieces=2, told=lambda *said: told.append(said)) is None
    assert (tree.tree_size(), tree.newest_head()) == (200, None)
    assert told == [(100, 450), (200, 450)]
    write(1)
    head = tree_grow()
    assert head is not None
    assert (head.size, bytes(head.root)) == (450, naive_root(naive_hashes(450)))


def test_what_ends_in_between_is_gone_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "ENTRIES_A_PIECE", 300)
    write(700)
    checkpoint_make()
    real = tiles.tile_root

    def ends(tile: bytes) -> bytes:
        if tree.tree_size() >= 512:
            raise KeyboardInterrupt
        return real(tile)

    monkeypatch.setattr(growing, "tile_root", ends)
    with pytest.raises(KeyboardInterrupt):
        tree_grow()
    assert tree.tree_size() == 300
    monkeypatch.setattr(growing, "tile_root", real)
    head = tree_grow()
    assert head is not None
    assert bytes(head.root) == naive_root(naive_hashes(700))


@pytest.mark.django_db(transaction=True)
def test_two_that_grow_at_the_same_moment_make_one_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "ENTRIES_A_PIECE", 64)
    write(900)
    checkpoint_make()
    growers = 4
    start = Barrier(growers)

    def grow(_number: int) -> AuditTreeHead | None:
        try:
            start.wait(60)
            return tree_grow()
        finally:
            connection.close()

    with ThreadPoolExecutor(growers) as pool:
        made = [head for head in pool.map(grow, range(growers)) if head is not None]
    assert len(made) == AuditTreeHead.objects.count() == AuditLog.objects.count() == 1
    assert bytes(made[0].root) == naive_root(naive_hashes(900))


# --- Never beside what was signed ----------------------------------------------------------------


def forget_the_tree() -> None:
    run("DELETE FROM audit_audittile")
    run("DELETE FROM audit_audittreehead")


def forget_the_heads() -> None:
    run("DELETE FROM audit_audittreehead")


def keep_the_tree() -> None:
    pass


@pytest.mark.parametrize("how", [forget_the_tree, forget_the_heads, keep_the_tree])
def test_another_history_gets_no_head(how: Callable[[], None], settings: Any) -> None:
    """Nor if all in it is signed by who must have signed it."""
    write(10)
    sign()
    settings.LOG_TO = str(Path(settings.CHECKPOINTS_TO) / "log")
    settings.CHECKPOINTS_TO = ""
    another_history(15)
    with triggers_off():
        how()
    assert checkpoint_make() is not None
    with pytest.raises(TreeRefused) as refused:
        tree_grow()
    assert refused.value.code == ("tree_forked" if how is forget_the_tree else "tree_rewritten")
    assert not AuditTreeHead.objects.filter(size__gt=10).exists()


def test_heads_in_the_database_are_enough_to_refuse(settings: Any) -> None:
    settings.CHECKPOINTS_TO = ""
    write(300)
    sign()
    with triggers_off():
        run(f"{REFUSED['a hash is another']} WHERE level = -1")
    write(1)
    checkpoint_make()
    with pytest.raises(TreeRefused, match="does not go on"):
        tree_grow()


def test_an_older_database_gets_no_head_and_nothing_is_published(published: Path) -> None:
    write(10)
    sign(publish=False)
    with undone():
        write(10)
        sign()
        newest = (published / "checkpoint").read_text("utf-8")
    write(3)
    checkpoint_make()
    with pytest.raises(TreeRefused, match="older than what was done"):
        tree_grow()
    with pytest.raises(TreeRefused, match="older than what was done"):
        tree_publish()
    assert (published / "checkpoint").read_text("utf-8") == newest
    refused = tree_refusal()
    assert refused is not None
    assert refused.code == "tree_older"
    # It can't grow past what is outside, either: that would be another tree of the same size.
    write(40)
    checkpoint_make()
    with pytest.raises(TreeRefused, match="does not go on"):
        tree_grow()


def test_a_head_that_the_console_did_not_sign_is_found(published: Path) -> None:
    write(10)
    sign()
    text = (published / "checkpoint").read_text("utf-8")
    (published / "checkpoint").write_text(text.replace("\n10\n", "\n11\n"))
    write(1)
    checkpoint_make()
    with pytest.raises(TreeRefused, match="damaged"):
        tree_grow()


def test_the_tree_of_another_in_the_folder_is_left_alone(published: Path) -> None:
    with undone():
        write(10)
        sign()
    there = {path: path.read_bytes() for path in published.rglob("*") if path.is_file()}
    write(20)
    checkpoint_make()
    growing.log_begin()
    with triggers_off():
        run("UPDATE audit_auditlog SET origin = 'another/ledger'")
    with pytest.raises(TreeRefused, match="is that of the log"):
        tree_grow()
    assert {path: path.read_bytes() for path in published.rglob("*") if path.is_file()} == there


def test_entries_that_do_not_chain_are_not_taken() -> None:
    write(10)
    checkpoint_make()
    with triggers_off():
        run("UPDATE audit_auditentry SET actor_name = 'Somebody else' WHERE seq = 5")
    with pytest.raises(TreeRefused, match="broken at entry 5"):
        tree_grow()
    assert tree.tree_size() == 0


def test_a_missing_entry_is_named() -> None:
    write(10)
    checkpoint_make()
    with triggers_off():
        run("DELETE FROM audit_auditentry WHERE seq = 5")
    with pytest.raises(TreeRefused, match="Entry 5 is missing"):
        tree_grow()
    with triggers_off():
        run("DELETE FROM audit_auditentry WHERE seq > 4")
    with pytest.raises(TreeRefused, match="Entry 5 is missing"):
        tree_grow()


def test_it_follows_only_a_checkpoint_that_the_console_signed() -> None:
    write(10)
    AuditCheckpoint.objects.create(
        seq=10, hash="0" * 64, at="2026-01-01T00:00:00.000000Z", key_id="0" * 16, signature="x"
    )
    with pytest.raises(TreeRefused, match="is worth nothing"):
        tree_grow()
    assert tree_unsigned_seconds() > 0


def test_without_a_key_nothing_grows(settings: Any) -> None:
    settings.AUDIT_KEY = ""
    with pytest.raises(Unsigned):
        tree_grow()


def test_what_stands_in_the_way_is_logged_and_shown(
    published: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(10)
    sign()
    text = (published / "checkpoint").read_text("utf-8")
    (published / "checkpoint").write_text("no note")
    write(1)
    checkpoint_make()
    assert tree_make()
    assert "tree refused" in caplog.text
    with pytest.raises(CommandError, match="damaged"):
        call_command("audit_tree")
    (published / "checkpoint").write_text(text)
    assert tree_make()
    assert tree_refusal() is None
    assert tree_unsigned_seconds() == 0


# --- Names, keys, and what PostgreSQL refuses ----------------------------------------------------


def test_the_name_is_made_once(settings: Any) -> None:
    write(1)
    sign()
    settings.LOG_ORIGIN = "another/name"
    write(1)
    sign()
    assert {head.origin for head in AuditTreeHead.objects.all()} == {ORIGIN}


def test_without_a_setting_the_name_is_of_this_ledger_alone(settings: Any) -> None:
    settings.LOG_ORIGIN = ""
    names = set()
    for _number in range(2):
        with undone():
            names.add(growing.log_begin().origin)
    assert len(names) == 2
    assert all(name.startswith("notice-console/") for name in names)


def test_after_a_loss_the_same_entries_stand_under_another_name(published: Path) -> None:
    write(300)
    sign()
    salt = tree.salt_of(5)
    log = log_begin_anew()
    assert log is not None
    assert log.origin.startswith(f"{ORIGIN}/")
    again = log_begin_anew()
    assert again is not None
    assert again.origin.startswith(f"{ORIGIN}/")
    assert again.origin.count("/") == log.origin.count("/")
    assert tree.salt_of(5) == salt
    (published / "checkpoint").unlink()
    assert tree_publish()  # a head of the old name is not published any more
    assert not (published / "checkpoint").exists()
    write(1)
    sign()
    head = tree.newest_head()
    assert head is not None
    assert head.origin == again.origin
    assert bytes(head.root) == naive_root(naive_hashes(301))
    assert (published / "checkpoint").read_text("utf-8") == head.note


def test_a_loss_before_there_is_a_tree_makes_another_name_too(settings: Any) -> None:
    log = log_begin_anew()
    assert log is not None
    assert log.origin.startswith(f"{ORIGIN}/")
    write(1)
    sign()
    assert {head.origin for head in AuditTreeHead.objects.all()} == {log.origin}


def test_without_a_name_a_loss_needs_no_other(settings: Any) -> None:
    settings.LOG_ORIGIN = ""
    assert log_begin_anew() is None


def test_a_new_key_signs_on(settings: Any) -> None:
    write(5)
    sign()
    old, settings.AUDIT_KEY = settings.AUDIT_KEY, new_key()
    write(1)
    with pytest.raises(DoesNotHold, match="not among those trusted"):
        checkpoint_make()
    with pytest.raises(TreeRefused):
        tree_grow()
    settings.AUDIT_OLD_KEYS = [public_key(old)]
    checkpoint_make()
    assert tree_grow() is not None


REFUSED = {
    "a hash is another": f"UPDATE audit_audittile SET hashes = {another_byte('hashes', 2)}",
    "a hash is gone": "UPDATE audit_audittile SET hashes = substr(hashes, 1, 32)",
    "nothing is new": "UPDATE audit_audittile SET hashes = hashes",
    "half a hash": "UPDATE audit_audittile SET hashes = hashes || 'x'",
    "a tile is gone": "DELETE FROM audit_audittile",
    "a tile after a gap": "INSERT INTO audit_audittile (level, index, hashes) "
    "SELECT -1, 9, hashes FROM audit_audittile WHERE level = -1 AND index = 0",
    "a tile after a partial one": "INSERT INTO audit_audittile (level, index, hashes) "
    "SELECT -1, 2, hashes FROM audit_audittile WHERE level = -1 AND index = 0",
    "a tile of no level": "INSERT INTO audit_audittile (level, index, hashes) "
    "SELECT 0, 0, hashes FROM audit_audittile WHERE level = -1 AND index = 0",
    "a head is gone": "DELETE FROM audit_audittreehead",
    "a head is another": "UPDATE audit_audittreehead SET root = 'x'",
    "a note is another": "UPDATE audit_audittreehead SET note = 'x' || note",
    "a log is gone": "DELETE FROM audit_auditlog",
    "a log is another": "UPDATE audit_auditlog SET origin = 'x'",
}


@pytest.mark.parametrize("owner", [False, True], ids=["application", "owner"])
@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED)
def test_postgresql_refuses_to_change_the_tree(sql: str, owner: bool) -> None:
    write(300)
    sign(publish=False)
    if owner:
        run("RESET ROLE")
    with (
        pytest.raises(DatabaseError, match=r"refused|denied|hashes|follow|grows"),
        transaction.atomic(),
    ):
        run(sql)


def test_a_note_grows_by_cosignatures() -> None:
    write(1)
    sign()
    run("UPDATE audit_audittreehead SET note = note || 'more'")
    head = tree.newest_head()
    assert head is not None
    assert head.note.endswith("more")


def test_the_leaves_are_32_bytes_each() -> None:
    write(300)
    sign()
    assert {(each.level, each.index): len(each.hashes) for each in AuditTile.objects.all()} == {
        (-1, 0): 8192,
        (-1, 1): 44 * 32,
        (1, 0): 32,
    }


# --- Jobs ----------------------------------------------------------------------------------------


def waiting() -> int:
    return ProcrastinateJob.objects.filter(task_name=tasks.TREE, status="todo").count()


def test_each_checkpoint_lets_the_tree_grow_by_one_job() -> None:
    write(3)
    tasks.checkpoint(0)
    tasks.checkpoint(0)
    assert waiting() == 1
    tasks.tree()
    head = tree.newest_head()
    assert head is not None
    assert head.size == 3


def test_what_one_job_has_no_time_for_the_next_one_does(
    monkeypatch: pytest.MonkeyPatch, published: Path
) -> None:
    monkeypatch.setattr(growing, "ENTRIES_A_PIECE", 300)
    monkeypatch.setattr(tasks, "PIECES_A_RUN", 1)
    monkeypatch.setattr(tasks, "TILES_A_RUN", 2)
    write(800)
    checkpoint_make()
    jobs = 1
    tasks.tree()
    while waiting():
        run("DELETE FROM procrastinate_jobs")
        tasks.tree()
        jobs += 1
        assert jobs < 20
    assert jobs > 3
    head = tree.newest_head()
    assert head is not None
    assert (published / "checkpoint").read_text("utf-8") == head.note
    assert bytes(head.root) == naive_root(naive_hashes(800))


def test_what_refuses_is_not_tried_at_once_again(published: Path) -> None:
    published.mkdir(parents=True)
    (published / "checkpoint").write_text("no note")
    write(3)
    checkpoint_make()
    tasks.tree()
    assert waiting() == 0
