"""An export's entries are checked against a head of the tree, offline, by one file."""

import json
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as present
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from console.audit import verify
from console.audit.chain import canonical
from console.audit.checkpoints import own_public_key, private_key
from console.audit.models import AuditEntry, as_hashed
from console.audit.services import audit_export, checkpoint_make
from console.audit.tlog import leaves, merkle, notes, tree
from console.audit.verify import Keys, Report, Unreadable, verify_exports
from tests.audit.tlog.conftest import ORIGIN
from tests.audit.tlog.test_checking import archive
from tests.audit.tlog.world import (
    another_history,
    long_ago,
    naive_hashes,
    naive_root,
    sign,
    undone,
    write,
)
from tests.support.factories import ROOT
from tests.support.tampering import run, triggers_off

pytestmark = pytest.mark.django_db


def exported(folder: Path, name: str = "export") -> Path:
    """The export, unpacked, so that one can change it."""
    file = BytesIO()
    audit_export(ROOT, file)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / name)
    return folder / name


def verified(*paths: Path, heads: list[bytes] | None = None) -> Report:
    return verify_exports(paths, Keys([own_public_key()]), (), heads or [])


def found(*paths: Path, heads: list[bytes] | None = None) -> str:
    report = verified(*paths, heads=heads)
    return " ".join(finding.sentence for finding in report.findings)


def newest() -> bytes:
    head = tree.newest_head()
    assert head is not None
    return head.note.encode()


def test_all_entries_up_to_the_head_are_checked(tmp_path: Path) -> None:
    write(600)
    sign()
    write(5)
    path = exported(tmp_path)
    report = verified(path)
    assert (report.findings, report.treed, report.head.seq) == ([], 600, 605)
    assert verified(path, heads=[newest()]).treed == 600
    assert verify_exports([path], Keys([own_public_key()])).treed == 0  # only if asked for


def test_it_has_few_keys_and_none_of_what_is_not_in_it(tmp_path: Path) -> None:
    write(600)
    sign()
    path = exported(tmp_path)
    lines = [json.loads(line) for line in (path / "leaf_keys.jsonl").read_text().splitlines()]
    assert [line.get("tile") for line in lines[:2]] == [0, 1]
    assert [line.get("seq") for line in lines[2:]] == list(range(513, 601))
    assert len(lines) == 90
    secret = tree.secret()
    assert secret.hex() not in (path / "leaf_keys.jsonl").read_text()
    assert leaves.tile_key(secret, 2).hex() not in (path / "leaf_keys.jsonl").read_text()


def test_a_console_without_a_tree_exports_none(tmp_path: Path) -> None:
    write(3)
    checkpoint_make()
    path = exported(tmp_path)
    assert not (path / "tree.json").exists()
    report = verified(path)
    assert (report.findings, report.treed) == ([], 0)


def test_the_one_file_needs_no_console(tmp_path: Path) -> None:
    write(300)
    sign()
    path = exported(tmp_path)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(verify.__file__, alone / "verify.py")
    (tmp_path / "head").write_bytes(newest())
    done = subprocess.run(
        [
            *(sys.executable, "-I", "verify.py", str(path), "--key", own_public_key()),
            *("--tree", "--head", str(tmp_path / "head")),
        ],
        cwd=alone,
        capture_output=True,
        text=True,
        env={},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Up to entry 300 it is in the tree" in done.stdout


def test_a_head_that_was_kept_elsewhere_finds_another_history(tmp_path: Path) -> None:
    """Who owns everything writes the chain anew and signs it again. A witness has the head."""
    write(300)
    sign()
    kept = newest()
    another_history(305)
    with triggers_off():
        run("DELETE FROM audit_audittile; DELETE FROM audit_audittreehead")
    shutil.rmtree(Path(present.CHECKPOINTS_TO))
    sign()
    path = exported(tmp_path)
    assert verified(path).holds
    assert "Entries 1 to 300 are not those of the signed head" in found(path, heads=[kept])


def test_a_head_of_more_entries_than_there_are_is_found(tmp_path: Path) -> None:
    write(300)
    sign()
    with undone():
        write(20)
        sign()
        kept = newest()
    path = exported(tmp_path)
    assert "ends with entry 300, and a signed head of the tree has 320" in found(path, heads=[kept])


def test_two_heads_that_contradict_each_other_are_found(tmp_path: Path) -> None:
    write(300)
    sign()
    text = notes.Checkpoint(ORIGIN, 300, bytes(32)).text()
    forged = notes.written(text, [notes.sign(text, ORIGIN, private_key())]).encode()
    assert "contradict each other" in found(exported(tmp_path), heads=[forged])


@pytest.mark.parametrize("note", [b"", b"\xff", b"no note", b"a\n1\nAAAA\n\n\xe2\x80\x94 a AAAA\n"])
def test_other_heads_are_refused(note: bytes, tmp_path: Path) -> None:
    write(3)
    sign()
    path = exported(tmp_path)
    with pytest.raises(Unreadable):
        verified(path, heads=[note])
    with pytest.raises(Unreadable):
        verified(path, heads=[newest().replace(b"\n3\n", b"\n4\n")])


@given(data=st.data())
@rules(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_changed_byte_holds(data: st.DataObject, tmp_path: Path) -> None:
    """But for one that says the same in other words."""
    path = tmp_path / "export"
    if not path.exists():
        write(270)
        sign()
        exported(tmp_path)
    name = data.draw(st.sampled_from(["tree.json", "leaf_keys.jsonl", "entries.jsonl"]))
    whole = (path / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    other = bytes([whole[at] ^ data.draw(st.integers(1, 255))])
    (path / name).write_bytes(whole[:at] + other + whole[at + 1 :])
    try:
        assert not verified(path).holds or is_the_same(whole, (path / name).read_bytes())
    except Unreadable:
        pass
    finally:
        (path / name).write_bytes(whole)
    assert verified(path).holds


def is_the_same(whole: bytes, changed: bytes) -> bool:
    def said(text: bytes) -> list[Any]:
        return [json.loads(line.lower()) for line in text.splitlines()]

    return said(whole) == said(changed)


def test_archives_join_and_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with long_ago(monkeypatch):
        write(600)
        checkpoint_make()
    write(20)
    sign()
    middle = newest()
    archive(tmp_path)
    write(200)
    sign()
    file = tmp_path / "ledger-to-600.zip"
    rest = exported(tmp_path)
    assert verified(file).treed == 600
    # The archive ends before its head of 620 entries: by its proof that it goes on from there.
    assert verified(file).findings == []
    assert verified(rest).treed == 822 - 1
    both = verified(file, rest, heads=[middle, newest()])
    assert (both.findings, both.treed) == ([], 821)
    words = ["--key", own_public_key(), "--tree"]
    assert verify.main([str(file), str(rest), *words]) == 0
    assert "Up to entry 821 it is in the tree" in capsys.readouterr().out
    with pytest.raises(Unreadable, match="give all exports"):
        verified(rest, heads=[early_head()])


def early_head() -> bytes:
    text = notes.Checkpoint(ORIGIN, 5, bytes(32)).text()
    return notes.written(text, [notes.sign(text, ORIGIN, private_key())]).encode()


def test_an_archive_whose_tree_is_another_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with long_ago(monkeypatch):
        write(600)
        checkpoint_make()
    write(20)
    sign()
    archive(tmp_path)
    with zipfile.ZipFile(tmp_path / "ledger-to-600.zip") as zipped:
        zipped.extractall(tmp_path / "archive")
    said = json.loads((tmp_path / "archive" / "tree.json").read_text())
    for name in ("consistency", "head"):
        wrong = {**said, name: said[name][:-1] if name == "consistency" else early_head().decode()}
        (tmp_path / "archive" / "tree.json").write_text(json.dumps(wrong))
        assert "are not those of the signed head" in found(tmp_path / "archive")


@given(old=st.integers(1, 40), new=st.integers(1, 40))
def test_the_two_implementations_agree(old: int, new: int) -> None:
    old, new = sorted((old, new))
    hashes = [merkle.leaf_hash(b"%d" % number) for number in range(new)]
    read = leaves.reader_of(hashes)
    peaks = verify.Peaks()
    for each in hashes[:old]:
        peaks.push(each)
    assert peaks.hashes == merkle.peaks_at(read, old).hashes
    path, root = merkle.consistency_path(read, old, new), naive_root(hashes)
    assert verify.goes_on(peaks, new, root, path)
    assert not verify.goes_on(peaks, new, bytes(32), path)
    assert not verify.goes_on(peaks, new, root, [*path, root])
    if path:
        assert not verify.goes_on(peaks, new, root, path[:-1])


def test_both_make_the_same_leaves(tmp_path: Path) -> None:
    write(30)
    sign()
    for entry, expected in zip(AuditEntry.objects.order_by("seq"), naive_hashes(30), strict=True):
        key = leaves.key_of_entry(tree.secret(), entry.seq)
        said = canonical(as_hashed(entry))
        assert verify.leaf_of(said, entry.hash.encode(), key) == expected
