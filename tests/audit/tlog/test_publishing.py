"""The tree as plain files: what is there, when, and that nothing is ever changed."""

import base64
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as present
from django.core.management import CommandError, call_command
from django.db import connection

from console.audit.checkpoints import FILE, public_key
from console.audit.metrics import (
    ledger_not_outside_seconds,
    tree_not_published_seconds,
)
from console.audit.models import AuditCheckpoint, AuditEntry, AuditReceipt
from console.audit.services import checkpoint_make
from console.audit.tlog import tree
from console.audit.tlog.making import tree_make
from console.audit.tlog.merkle import leaf_hash, root_at
from console.audit.tlog.notes import Verifier, checkpoint_of
from console.audit.tlog.publishing import tree_publish
from console.audit.tlog.standing import TreeRefused
from console.audit.tlog.tiles import bundled, hash_reader, tile_path, tiles_between
from console.audit.troubles import ledger_troubles
from console.audit.verify import checkpoints_of
from tests.audit.tlog.conftest import ORIGIN
from tests.audit.tlog.world import naive_hashes, naive_leaf, naive_root, sign, undone, write
from tests.support.demos import ROOT
from tests.support.serving import site_settings
from tests.support.tampering import run, triggers_off

pytestmark = pytest.mark.django_db


def files(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


def expected(size: int) -> set[str]:
    found = {"checkpoint"}
    for level, index, width in tiles_between(0, size):
        found.add(tile_path(level, index, width))
        if level == 0:
            found.add(tile_path("entries", index, width))
    return found


def read_by_a_stranger(place: Path) -> int:
    """The size of the tree, by the files alone, if all of them fit."""
    raw = [Verifier(ORIGIN, key) for key in _raw(present.AUDIT_KEY)]
    said = checkpoint_of((place / "checkpoint").read_bytes(), raw, ORIGIN)
    widths = {(level, index): width for level, index, width in tiles_between(0, said.size)}

    def read_tile(level: int, index: int) -> bytes:
        return (place / tile_path(level, index, widths[level, index])).read_bytes()

    assert root_at(hash_reader(read_tile), said.size) == said.root
    hashes: list[bytes] = []
    for (level, index), width in widths.items():
        if level == 0:
            data = bundled((place / tile_path("entries", index, width)).read_bytes())
            assert b"".join(map(leaf_hash, data)) == read_tile(0, index)
            hashes += map(leaf_hash, data)
    assert naive_root(hashes) == said.root
    return said.size


def _raw(private: str) -> list[bytes]:
    return [base64.b64decode(public_key(private))]


def test_all_files_of_the_tree_are_there_and_no_other(published: Path) -> None:
    write(600)
    sign()
    assert set(files(published)) == expected(600)
    assert read_by_a_stranger(published) == 600
    (first, *_others) = bundled((published / "tile/entries/000").read_bytes())
    assert (len(first), first) == (32, naive_leaf_of(1))


def naive_leaf_of(seq: int) -> bytes:
    return naive_leaf(AuditEntry.objects.get(seq=seq))


def test_only_what_is_new_is_written_and_full_tiles_replace_partial_ones(published: Path) -> None:
    write(300)
    sign()
    before = {path: path.stat().st_mtime_ns for path in published.rglob("*") if path.is_file()}
    write(300)
    sign()
    assert read_by_a_stranger(published) == 600
    assert (published / "tile/0/000").stat().st_mtime_ns == before[published / "tile/0/000"]
    assert set(files(published)) - {"tile/1/000.p/1"} == expected(600)


def test_only_digests_leave(published: Path) -> None:
    write(30, secret_word="Wolpertinger")
    sign()
    there = b"".join(files(published).values())
    assert b"Wolpertinger" not in there
    assert b"chat seven" not in there
    # Without the salt nobody can tell what a digest is of.
    entries = [naive_leaf_of(seq) for seq in (2, 5)]
    assert entries[0] != entries[1]


def test_it_goes_on_where_it_stopped(published: Path) -> None:
    write(1300)
    sign(publish=False)
    parts = 0
    while not tree_publish(most=2):
        parts += 1
        assert not (published / "checkpoint").exists()
    assert parts >= 3
    assert set(files(published)) == expected(1300)
    assert read_by_a_stranger(published) == 1300


def test_a_file_is_there_as_a_whole_or_not_at_all(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(600)
    sign(publish=False)
    real, synced = os.fsync, []

    def fails(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 4:
            raise OSError("the disk is full")
        real(descriptor)

    monkeypatch.setattr("console.audit.tlog.publishing.os.fsync", fails)
    with pytest.raises(OSError, match="full"):
        tree_publish()
    assert len(files(published)) == 3
    assert set(files(published)) < expected(600)
    monkeypatch.undo()
    assert tree_publish()
    assert read_by_a_stranger(published) == 600


def test_a_file_with_other_contents_is_left_and_named(published: Path) -> None:
    write(300)
    sign(publish=False)
    path = published / "tile/0/000"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 8192)
    with pytest.raises(TreeRefused, match="tile/0/000 is not the tile"):
        tree_publish()
    assert path.read_bytes() == b"x" * 8192
    assert not (published / "checkpoint").exists()


def test_missing_files_are_written_again(published: Path) -> None:
    write(600)
    sign()
    (published / "tile/0/001").unlink()
    (published / "tile/entries/000").unlink()
    call_command("audit_tree", "--whole")
    assert set(files(published)) == expected(600)


def test_a_folder_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.LOG_TO, settings.CHECKPOINTS_TO = str(tmp_path / "web" / "log"), ""
    write(3)
    sign()
    assert read_by_a_stranger(tmp_path / "web" / "log") == 3


def test_without_a_folder_nothing_is_published(settings: Any) -> None:
    settings.CHECKPOINTS_TO = "https://checkpoints.example/"
    write(3)
    checkpoint_of_it = AuditCheckpoint.objects.first()
    assert checkpoint_of_it is None
    settings.CHECKPOINTS_TO = ""
    sign()
    assert tree_publish()


def test_cosignatures_are_published(published: Path) -> None:
    write(3)
    sign()
    run("UPDATE audit_audittreehead SET note = note || %s", "— witness AAAAAAAAAAA=\n")
    assert tree_publish()
    assert (published / "checkpoint").read_text("utf-8").endswith("— witness AAAAAAAAAAA=\n")
    assert read_by_a_stranger(published) == 3


def test_a_larger_tree_is_never_replaced_by_a_smaller_one(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when whoever publishes is overtaken by another."""
    write(3)
    sign()
    head = tree.newest_head()
    write(3)
    sign()
    monkeypatch.setattr("console.audit.tlog.publishing.newest_head", lambda: head)
    assert tree_publish()
    assert read_by_a_stranger(published) == 6


def test_a_place_that_can_not_be_written_is_logged_and_shown(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    settings.LOG_TO = str(blocked)
    write(3)
    checkpoint_make()
    assert tree_make()
    assert "tree not published" in caplog.text
    with pytest.raises(CommandError, match="Not published"):
        call_command("audit_tree")
    with triggers_off():
        run("UPDATE audit_auditentry SET at = at - interval '40 minutes'")
    assert tree_not_published_seconds() > 2000
    # Beside what can't be read nothing is signed, either.
    assert [each.code for each in ledger_troubles()] == ["tree_late"]
    blocked.unlink()
    assert tree_make()
    assert tree_not_published_seconds() == 0


# --- Whether something left is not said by the database ------------------------------------------

STARVED = """
CREATE FUNCTION starve() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.outside_at := now(); RETURN NEW; END $$;
CREATE TRIGGER starve BEFORE INSERT ON audit_auditcheckpoint
    FOR EACH ROW EXECUTE FUNCTION starve();
"""


def as_owner(sql: str) -> None:
    run("RESET ROLE")
    run(sql)
    run("SET ROLE console")


def kept(settings: Any) -> list[int]:
    return [said["seq"] for said in checkpoints_of(Path(settings.CHECKPOINTS_TO) / FILE)]


def test_a_column_that_says_they_have_left_keeps_none_of_them(settings: Any) -> None:
    as_owner(STARVED)
    for _number in range(3):
        write(2)
        checkpoint_make()
    assert kept(settings) == [2, 4, 6]
    assert ledger_not_outside_seconds() == 0


def test_what_is_taken_away_outside_is_seen_and_put_there_again(settings: Any) -> None:
    for _number in range(3):
        write(2)
        checkpoint_make()
    path = Path(settings.CHECKPOINTS_TO) / "checkpoints.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:1]))
    with triggers_off():
        run("UPDATE audit_auditentry SET at = at - interval '40 minutes'")
    assert ledger_not_outside_seconds() > 2000
    assert "checkpoints_not_outside" in [each.code for each in ledger_troubles()]
    checkpoint_make()
    assert path.read_text("utf-8") == "".join(lines)
    path.unlink()
    assert ledger_not_outside_seconds() > 2000
    path.parent.rename(path.parent.with_name("unmounted"))
    checkpoint_make()
    assert path.read_text("utf-8") == "".join(lines)


def test_a_line_without_a_signature_counts_for_nothing(settings: Any) -> None:
    write(2)
    checkpoint_make()
    path = Path(settings.CHECKPOINTS_TO) / "checkpoints.jsonl"
    (line,) = path.read_text("utf-8").splitlines()
    write(2)
    with path.open("a") as file:
        file.write(re.sub(r'"seq": 2', '"seq": 4', line) + "\n")
    assert ledger_not_outside_seconds() > 0
    checkpoint_make()
    assert ledger_not_outside_seconds() == 0


def test_what_stands_outside_of_a_newer_state_is_not_mixed_with_it(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    write(2)
    checkpoint_make()
    with undone():
        write(3)
        checkpoint_make()
    assert kept(settings) == [2, 5]
    write(1)
    checkpoint_make()
    assert kept(settings) == [2, 5]
    assert "of another ledger" in caplog.text
    assert ledger_not_outside_seconds() > 0


def test_a_receipt_that_the_console_did_not_sign_counts_for_nothing(settings: Any) -> None:
    settings.CHECKPOINTS_TO = "https://127.0.0.1:1/"
    write(2)
    checkpoint_make()
    said = AuditCheckpoint.objects.get()
    AuditReceipt.objects.create(
        place=settings.CHECKPOINTS_TO,
        **{name: said.said[name] for name in ("seq", "hash", "at", "key_id", "signature")},
    )
    assert ledger_not_outside_seconds() > 0


def test_who_can_not_read_the_folder_believes_the_receipt(settings: Any, tmp_path: Path) -> None:
    write(2)
    sign()
    (tmp_path / "outside").rename(tmp_path / "mounted elsewhere")
    assert ledger_not_outside_seconds() == tree_not_published_seconds() == 0
    write(1)
    assert ledger_not_outside_seconds() > 0
    assert tree_not_published_seconds() > 0


# --- Killed --------------------------------------------------------------------------------------

GROW = """
import sys
import django
django.setup()
from console.audit.tlog import growing, publishing
growing.ENTRIES_A_PIECE = 100
growing.tree_grow(told=lambda done, of: print(done, flush=True))
print("grown", flush=True)
real = publishing._put
def put(place, name, data):
    print(name, flush=True)
    return real(place, name, data)
publishing._put = put
publishing.tree_publish()
"""


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lines", [1, 7, 21, 24, 30])
def test_killed_at_any_moment_it_goes_on(
    lines: int, published: Path, settings: Any, tmp_path: Path
) -> None:
    write(2000)
    checkpoint_make()
    connection.commit()
    environment = (
        os.environ
        | site_settings()
        | {
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "CONSOLE_CHECKPOINTS_TO": settings.CHECKPOINTS_TO,
            "CONSOLE_LOG_ORIGIN": ORIGIN,
            "CONSOLE_DATA": str(tmp_path / "data"),
        }
    )
    with subprocess.Popen(
        [sys.executable, "-c", GROW], env=environment, cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _number in range(lines):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert not (published / "checkpoint").exists()
    sign()
    assert read_by_a_stranger(published) == 2000
    head = tree.newest_head()
    assert head is not None
    assert bytes(head.root) == naive_root(naive_hashes(2000))
    assert {name for name in files(published) if "/." not in name} == expected(2000)
