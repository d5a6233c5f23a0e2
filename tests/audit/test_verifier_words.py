"""What somebody puts into a file can't pass for the verifier's own words, and the verifier never
passes over something that it was asked to check."""

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from console.audit import verify
from console.audit.checkpoints import new_key, public_key
from console.audit.models import AuditCheckpoint
from console.audit.services import audit_export, checkpoint_make, record
from console.audit.verify import Keys, main, verify_delivery_bytes, witness_of
from tests.sends.proof_maker import (
    CONSOLE,
    DELIVERY,
    TEXT_SALT,
    WITNESSES,
    Maker,
    b64,
    cosigned,
    created,
    item,
    private,
    public,
    signed,
    small,
    vkey,
)
from tests.support.factories import ROOT

pytestmark = pytest.mark.processes

KEY = b64(public(CONSOLE))
# It goes up a line and empties it, says that all is well, and hides what follows.
SPOOF = "\x1b[1A\x1b[2K\nHOLDS\n\x1b[8m"


def said_by(file: bytes, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    path = folder / "proof.json"
    path.write_bytes(file)
    words = [sys.executable, "-I", verify.__file__, str(path), "--key", KEY, *more]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


def test_an_unsigned_file_can_not_say_that_it_holds(tmp_path: Path) -> None:
    said = {**small().said(), "key_id": SPOOF}
    told = said_by(signed(said), tmp_path)
    assert told.returncode == 1
    assert "HOLDS" not in told.stdout.splitlines()
    assert "\x1b" not in told.stdout
    assert "⟨U+001B⟩[1A" in told.stdout


def test_a_text_can_not_say_what_a_witness_did(tmp_path: Path) -> None:
    forged = f"The witness {WITNESSES[1]} cosigned this head at 2026-11-30T09:00:00+00:00."
    text = f"Hello\n{forged}\u202e"
    entries = small().ledger
    proof = Maker(
        [entries[0], replace(entries[1], items=[item(DELIVERY, text), item(2, "x")])],
        {1: None, 2: 0},
        witnesses=(),
        more={"text": text, "text_salt": TEXT_SALT},
    )
    told = said_by(proof.file(), tmp_path)
    assert told.returncode == 0
    assert forged not in told.stdout.splitlines()
    assert f"The text was exactly: Hello\n    {forged}⟨U+202E⟩" in told.stdout


@pytest.mark.django_db
def test_a_row_of_the_database_can_not_say_that_all_holds(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.AUDIT_KEY, settings.AUDIT_OLD_KEYS = new_key(), []
    settings.CHECKPOINTS_TO = ""
    with transaction.atomic():
        record(ROOT, "noted", target=("thing", 1, "thing"))
    checkpoint_make()
    true = AuditCheckpoint.objects.get().said
    AuditCheckpoint.objects.create(**{**true, "seq": 9, "at": SPOOF})
    with pytest.raises(CommandError, match="DOES NOT HOLD"):
        call_command("audit_verify")
    told = capsys.readouterr().out
    assert "⟨U+001B⟩" in told
    assert "\x1b" not in told
    assert "HOLDS" not in told.splitlines()


# --- What it was asked to check ------------------------------------------------------------------


@pytest.fixture
def export(settings: Any, tmp_path: Path) -> Path:
    settings.AUDIT_KEY, settings.AUDIT_OLD_KEYS = new_key(), []
    settings.CHECKPOINTS_TO = ""
    with transaction.atomic():
        record(ROOT, "noted", target=("thing", 1, "thing"))
    checkpoint_make()
    path = tmp_path / "export.zip"
    audit_export(ROOT, path)
    return path


@pytest.mark.django_db
def test_of_an_export_no_witness_is_passed_over(
    export: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(export), "--key", public_key(settings.AUDIT_KEY)]
    assert main(words) == 0
    for more in (["--quorum", "1"], ["--witness", vkey(WITNESSES[0])]):
        assert main([*words, *more]) == 2
        assert "--witness and --quorum" in capsys.readouterr().err


def test_of_a_delivery_no_head_and_no_checkpoint_is_passed_over(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("{}\n")
    for more in (["--tree"], ["--head", str(kept)], ["--checkpoints", str(kept)]):
        told = said_by(small().file(), tmp_path, *more)
        assert (told.returncode, told.stdout) == (2, "")
        assert "--checkpoints, --tree and --head" in told.stderr


# --- Other readings of the same file -------------------------------------------------------------


def checked(file: bytes, **more: Any) -> verify.Report:
    return verify_delivery_bytes(file, Keys([KEY]), **more)


def test_a_leaf_has_one_reading() -> None:
    """A leaf with a name twice: some read the first, some the last."""

    class Twice(type(created())):  # type: ignore[misc]
        def leaf(self, seq: int) -> str:
            twice = '{"actor_name":"Somebody else",'
            return twice + super().leaf(seq)[1:]

    first, second = small().ledger
    proof = replace(small(), ledger=[Twice(**vars(first)), second])
    assert checked(small().file()).holds
    assert not checked(proof.file()).holds


def test_so_has_the_version() -> None:
    said, (first, second) = small().said(), small().ledger
    text = said["version"].replace('"kind"', ' "kind"', 1)
    data = {**first.data, "version_sha256": hashlib.sha256(text.encode()).hexdigest()}
    proof = replace(small(), ledger=[replace(first, data=data), second])
    assert not checked(signed({**proof.said(), "version": text})).holds


@pytest.mark.parametrize("at", [253_402_300_800, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_witness_with_a_strange_clock_does_not_end_the_verifier(at: int) -> None:
    name = WITNESSES[0]
    maker = replace(small(), witnesses=())
    said = maker.said()
    said["head"] += cosigned(name, private(name), maker.checkpoint(), at)
    report = checked(signed(said), witnesses=[witness_of(vkey(name))], quorum=1)
    assert report.holds == (at < 2**63)
    if report.holds:
        assert f"second {at} since 1970" in " ".join(report.proved)


def test_a_zip_file_is_no_bomb_for_the_verifier(tmp_path: Path) -> None:
    """A manifest of many megabytes is none, and is not read to its end."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps({"a": " " * (verify.MANIFEST_MOST + 1)}))
    with pytest.raises(verify.Unreadable, match=r"manifest\.json is too long"):
        verify.verify_export(path, Keys([KEY]))


@pytest.mark.django_db
def test_a_line_without_end_is_not_read_to_its_end(
    export: Path, settings: Any, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(export) as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name in whole.namelist():
            with archive.open(name, "w") as file:
                file.write(whole.read(name))
                for _ in range(1024 if name == verify.ENTRIES else 0):
                    file.write(bytes(1024 * 1024))
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({2**29},) * 2)\n"
    program = tmp_path / "limited.py"
    program.write_text(limited + Path(verify.__file__).read_text("utf-8"), "utf-8")
    words = [sys.executable, "-I", program, path, "--key", public_key(settings.AUDIT_KEY)]
    told = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (told.returncode, told.stderr) == (1, "")
    assert "Where entry 2 should be" in told.stdout


def test_of_the_proof_of_a_send_no_head_is_passed_over(tmp_path: Path) -> None:
    """Which it is, its manifest says, before anything of it is believed."""
    path = tmp_path / "proof.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"send": 1}))
    with pytest.raises(verify.Unreadable, match="nothing of the tree"):
        verify.verify_export(path, Keys([KEY]), heads=[])
