"""audit_verify reads the tree, too: what was changed in it, or beside it, is found and named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from console.audit.models import AuditEntry, AuditSeal, AuditTile, AuditTreeHead
from console.audit.services import checkpoint_make
from console.audit.tlog import checking, leaves, tree
from console.audit.tlog.growing import tree_grow
from console.audit.tlog.publishing import tree_publish
from console.audit.verification import Verification, verify_database
from console.audit.verify import Report, sentences
from tests.audit.tlog.world import (
    another_history,
    long_ago,
    naive_hashes,
    naive_root,
    sign,
    undone,
    write,
)
from tests.support.tampering import another_byte, run, triggers_off

pytestmark = pytest.mark.django_db


def found() -> str:
    report = verify_database()
    assert report.holds == (not report.findings)
    return " ".join(finding.sentence for finding in report.findings)


def in_parts(most: int) -> Report:
    """As the page does it: each part with what the one before it left."""
    verification = Verification()
    for _number in range(100_000):
        if verification.go_on(most):
            return verification.report
        verification = Verification.resumed(json.loads(json.dumps(verification.progress())))
    raise AssertionError("it does not end")


def said_by(report: Report) -> list[str]:
    return list(sentences(report))


def test_a_whole_tree_holds_and_the_report_says_so() -> None:
    write(300)
    sign()
    write(300)
    sign()
    write(2)
    report = verify_database()
    assert (report.findings, report.treed) == ([], 600)
    assert "Up to entry 600 it is in the tree" in " ".join(sentences(report))


@pytest.mark.parametrize("most", [1, 100, 256, 1000])
def test_in_parts_it_says_the_same(most: int) -> None:
    for number in (1, 255, 344):
        write(number)
        sign()
    assert said_by(in_parts(most)) == said_by(verify_database())
    with triggers_off():
        run(f"UPDATE audit_audittile SET hashes = {another_byte('hashes', 70)} WHERE index = 1")
    assert in_parts(most).findings[0] == verify_database().findings[0]
    assert in_parts(most).findings[0].seq == 259


def test_without_a_tree_nothing_is_said_of_it() -> None:
    write(3)
    checkpoint_make()
    report = verify_database()
    assert (report.findings, report.treed) == ([], 0)


# --- Each byte -----------------------------------------------------------------------------------


@given(data=st.data())
@rules(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_of_a_tile_is_found(data: st.DataObject) -> None:
    if not AuditTile.objects.exists():
        write(530)
        sign(publish=False)
    tiles = {each.pk: each for each in AuditTile.objects.order_by("pk")}
    tile = tiles[data.draw(st.sampled_from(list(tiles)))]
    at = data.draw(st.integers(0, len(tile.hashes) - 1))
    with undone(), triggers_off():
        run(
            "UPDATE audit_audittile SET hashes = set_byte(hashes, %s, get_byte(hashes, %s) # %s)"
            " WHERE id = %s",
            *(at, at, data.draw(st.integers(1, 255)), tile.pk),
        )
        assert found()
    assert verify_database().holds


@given(data=st.data())
@rules(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_of_a_published_file_is_found(
    data: st.DataObject, published: Path
) -> None:
    if not AuditTile.objects.exists():
        write(530)
        sign()
    paths = sorted(path for path in published.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(paths))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    other = whole[at] ^ data.draw(st.integers(1, 255))
    path.write_bytes(whole[:at] + bytes([other]) + whole[at + 1 :])
    try:
        assert found()
    finally:
        path.write_bytes(whole)
    assert verify_database().holds


# --- What is found, with its place ---------------------------------------------------------------


def sql(statement: str) -> Callable[[Path], None]:
    def change(_published: Path) -> None:
        with triggers_off():
            run(statement)

    return change


def gone(name: str) -> Callable[[Path], None]:
    return lambda published: (published / name).unlink()


def rewritten(published: Path) -> None:
    another_history(600)
    (published.parent / "checkpoints.jsonl").unlink()


def shortened(published: Path) -> None:
    with triggers_off():
        run("DELETE FROM audit_auditcheckpoint WHERE seq > 300")
        run("DELETE FROM audit_auditsignature WHERE last > 300")
        run("DELETE FROM audit_auditentry WHERE seq > 300")
    (published.parent / "checkpoints.jsonl").unlink()


WAYS: dict[str, tuple[Callable[[Path], None], str]] = {
    "the chain written anew": (rewritten, "Entry 1 is not the one that the tree has in its place"),
    "a leaf": (
        sql(
            f"UPDATE audit_audittile SET hashes = {another_byte('hashes', 8000)} "
            "WHERE level = -1 AND index = 0"
        ),
        "Entry 251 is not the one",
    ),
    "a hash above": (
        sql(f"UPDATE audit_audittile SET hashes = {another_byte('hashes', 40)} WHERE level = 1"),
        "Tile 1 of level 0 of the tree, which ends with entry 512",
    ),
    "the newest entries": (shortened, "ends with entry 300, and a signed head of the tree has 600"),
    "tiles and entries": (
        sql("DELETE FROM audit_audittile WHERE index = 2"),
        "The tree has 512 entries, and a signed head has 600",
    ),
    "the whole tree": (
        sql("DELETE FROM audit_audittile; DELETE FROM audit_audittreehead"),
        "The tree has 0 entries, and a signed head has 600",
    ),
    "a head's root": (
        sql("UPDATE audit_audittreehead SET root = 'x' WHERE size = 300"),
        "The head of the tree of 300 entries is worth nothing",
    ),
    "a head's note": (
        sql("UPDATE audit_audittreehead SET note = replace(note, E'\\n300\\n', E'\\n301\\n')"),
        "The head of the tree of 300 entries is worth nothing",
    ),
    "a published tile": (gone("tile/0/001"), "The published file tile/0/001 can't be read"),
    "a published bundle": (gone("tile/entries/000"), "The published file tile/entries/000"),
    "a published partial tile": (gone("tile/0/002.p/88"), "The published file tile/0/002.p/88"),
    "a published level": (gone("tile/1/000.p/2"), "The published file tile/1/000.p/2"),
}


@pytest.mark.parametrize("name", WAYS)
def test_it_is_found_and_named(name: str, published: Path) -> None:
    change, words = WAYS[name]
    write(300)
    sign()
    write(300)
    sign()
    assert verify_database().holds
    change(published)
    assert words in found()
    with pytest.raises(CommandError, match="DOES NOT HOLD"):
        call_command("audit_verify")


def test_an_older_database_is_found_by_the_published_head(published: Path) -> None:
    write(10)
    sign(publish=False)
    with undone():
        write(300)
        sign()
    (published.parent / "checkpoints.jsonl").unlink()
    assert "The tree has 10 entries, and a signed head has 310" in found()


def test_the_published_tree_of_another_is_named(published: Path) -> None:
    write(10)
    sign()
    with triggers_off():
        run("UPDATE audit_auditlog SET origin = 'another/ledger'")
    assert "is of the log console.example/ledger, and not of another/ledger" in found()


def test_two_heads_of_two_histories_are_found(published: Path) -> None:
    """As when the key signs a second tree. Heads are compared with one tree: both can't stand."""
    write(300)
    sign(publish=False)
    with undone():
        write(10)
        sign(publish=False)
        other = AuditTreeHead.objects.get(size=310)
    write(10, by="another history")
    sign(publish=False)
    with triggers_off():
        run("DELETE FROM audit_audittreehead WHERE size = 310")
    other.save(force_insert=True)
    (published.parent / "checkpoints.jsonl").unlink()
    assert "The first 310 entries of the tree are not those of its signed head" in found()


# --- With archives -------------------------------------------------------------------------------


def archive(folder: Path) -> None:
    run("RESET ROLE")
    call_command("audit_archive", "--before", "2026-02", str(folder))


def test_entries_leave_and_their_leaves_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, published: Path
) -> None:
    with long_ago(monkeypatch):
        write(600)
        checkpoint_make()
    write(20)
    with pytest.raises(CommandError, match="the tree has entries up to 0 only"):
        archive(tmp_path / "archives")
    assert AuditEntry.objects.count() == 620
    sign()
    hashes = naive_hashes(620)
    archive(tmp_path / "archives")
    write(200)
    sign()
    assert AuditEntry.objects.earliest("seq").seq == 601
    head = tree.newest_head()
    assert head is not None
    more = naive_hashes(head.size)[20:]
    assert bytes(head.root) == naive_root(hashes + more)
    assert found() == ""
    monkeypatch.setattr(checking, "TILES_A_PART", 1)
    assert said_by(in_parts(50)) == said_by(verify_database())
    with triggers_off():
        run(
            f"UPDATE audit_audittile SET hashes = {another_byte('hashes', 8000)} "
            "WHERE level = -1 AND index = 0"
        )
    assert "Tile 0 of level 0" in found()


def test_what_was_archived_before_there_was_a_tree_has_empty_leaves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with long_ago(monkeypatch):
        write(600)
        checkpoint_make()
    write(20)
    monkeypatch.setattr("console.audit.services._require_in_tree", lambda _last: None)
    archive(tmp_path / "archives")
    monkeypatch.undo()
    assert not AuditTile.objects.exists()
    for at_once in (100, 4096):
        with transaction.atomic(), monkeypatch.context() as patch, undone():
            patch.setattr("console.audit.tlog.growing.ENTRIES_A_PIECE", at_once)
            sign(publish=False)
            assert tree.stored_leaves(0) == [leaves.ABSENT] * 256
            assert tree.stored_leaves(2)[87:89] != [leaves.ABSENT] * 2
            assert found() == ""
    with triggers_off():
        AuditSeal.objects.update(signature="x")
    checkpoint_make()
    with pytest.raises(CommandError, match=r"seal of entries 1 to 600 is worth nothing"):
        call_command("audit_tree")


def test_tree_publish_is_not_part_of_verifying(settings: Any) -> None:
    """Without a folder the tree is checked all the same."""
    settings.CHECKPOINTS_TO = ""
    write(3)
    checkpoint_make()
    tree_grow()
    assert tree_publish()
    assert verify_database().treed == 3
