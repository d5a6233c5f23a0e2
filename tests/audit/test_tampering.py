"""What is changed in the ledger is refused; with the triggers off it is found, and its place named,
in the database and in an export."""

import base64
import dataclasses
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.audit.checkpoints import new_key, public_key, signed
from console.audit.models import AuditCheckpoint, AuditEntry
from console.audit.services import DoesNotHold, audit_export, checkpoint_make, record
from console.audit.verification import Verification, verify_database
from console.audit.verify import (
    CERTIFICATES,
    CHECKPOINTS,
    ENTRIES,
    MANIFEST,
    SIGNATURES,
    Keys,
    Report,
    checkpoints_of,
    key_id,
    main,
    sentences,
    signed_bytes,
    verify_export,
)
from tests.support.factories import ROOT
from tests.support.signing_in import sign_in
from tests.support.tampering import WAYS, triggers_off

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger is of before processes signed, so that only the chain and its checkpoints speak.
    Others are in test_signatures.py."""
    monkeypatch.setattr("console.audit.services.process_signer", lambda: None)
    settings.AUDIT_KEY = new_key()
    settings.AUDIT_OLD_KEYS = []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")


def write(number: int) -> None:
    record(ROOT, "noted", target=("thing", number, f"thing {number}"), data={"n": number})


@pytest.fixture
def ledger() -> None:
    """Ten entries, and checkpoints at the third and at the tenth."""
    for number in range(1, 11):
        write(number)
        if number in (3, 10):
            assert checkpoint_make() is not None


def own_keys(settings: Any) -> Keys:
    return Keys([public_key(settings.AUDIT_KEY)])


def found_in_database() -> list[str]:
    """What is found at once, which is what is found in parts of any size, as the page does it."""
    report = verify_database()
    found: list[str] = [finding.sentence for finding in report.findings]
    for most, checkpoints in ((1, 1), (2, 2000), (3, 1), (4, 2000), (50, 1)):
        part = in_parts(most, checkpoints)
        assert [finding.sentence for finding in part.findings] == found
        if report.holds:
            assert part == dataclasses.replace(report, checked=part.checked)
    return found


def in_parts(most: int, checkpoints: int) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("console.audit.verification.CHECKPOINTS_A_PART", checkpoints)
        verification = Verification()
        for _part in range(100):
            if verification.go_on(most):
                return verification.report
            verification = Verification.resumed(json.loads(json.dumps(verification.progress())))
    raise AssertionError("it does not come to an end")


def exported(tmp_path: Path, name: str = "export.zip") -> Path:
    path = tmp_path / name
    audit_export(ROOT, path)
    return path


# --- The true ledger -----------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
def test_the_true_ledger_holds(settings: Any, tmp_path: Path) -> None:
    assert found_in_database() == []
    report = verify_export(exported(tmp_path), own_keys(settings))
    assert report.findings == []
    assert (report.followed, report.vouched, report.checkpoints) == (10, 10, 2)


@pytest.mark.usefixtures("ledger")
def test_what_no_checkpoint_vouches_for_yet_is_said() -> None:
    write(11)
    write(12)
    told = " ".join(sentences(verify_database()))
    assert "Followed 12 entries, 1 to 12" in told
    assert "Up to entry 10 a signed checkpoint vouches" in told
    assert "For entries 11 to 12 no checkpoint vouches yet" in told
    assert told.endswith(" HOLDS")


# --- Refused -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("way", WAYS)
def test_postgresql_refuses_it(way: str) -> None:
    tamper, _found = WAYS[way]
    with pytest.raises(IntegrityError, match="is kept as it was written"), transaction.atomic():
        tamper()
    assert verify_database().holds


@pytest.mark.usefixtures("ledger", "truncating_refused")
@pytest.mark.parametrize("table", ["audit_auditentry", "audit_auditcheckpoint"])
def test_postgresql_refuses_to_empty_it(table: str) -> None:
    with (
        pytest.raises(IntegrityError, match="TRUNCATE is refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"TRUNCATE {table}")


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "change",
    [
        lambda: AuditCheckpoint.objects.update(hash="0" * 64),
        lambda: AuditCheckpoint.objects.filter(seq=3).delete(),
    ],
)
def test_postgresql_refuses_to_change_a_checkpoint(change: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match="is kept as it was written"), transaction.atomic():
        change()


# --- Found ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("way", WAYS)
def test_it_is_found_in_the_database(way: str) -> None:
    tamper, words = WAYS[way]
    with triggers_off():
        tamper()
    (sentence,) = found_in_database()
    assert words in sentence
    out = StringIO()
    with pytest.raises(CommandError, match="DOES NOT HOLD"):
        call_command("audit_verify", stdout=out)
    assert words in out.getvalue()


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("way", WAYS)
def test_it_is_found_in_an_export(
    way: str, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper, words = WAYS[way]
    with triggers_off():
        tamper()
    path = exported(tmp_path)
    outside = tmp_path / "outside" / "checkpoints.jsonl"
    key = public_key(settings.AUDIT_KEY)
    assert main([str(path), "--key", key, "--checkpoints", str(outside)]) == 1
    assert words in capsys.readouterr().out


@pytest.mark.usefixtures("ledger")
def test_the_checkpoints_outside_find_what_was_rewritten_with_those_inside() -> None:
    """Who owns the database takes its checkpoints away, too."""
    tamper, words = WAYS["rewrite from the middle"]
    with triggers_off():
        tamper()
        AuditCheckpoint.objects.all().delete()
    (sentence,) = found_in_database()
    assert words in sentence


@pytest.mark.usefixtures("ledger")
def test_a_checkpoint_that_somebody_else_signed_is_worth_nothing(settings: Any) -> None:
    newest = AuditEntry.objects.get(seq=9)
    true, settings.AUDIT_KEY = settings.AUDIT_KEY, new_key()
    said = signed("checkpoint", {"seq": 9, "hash": newest.hash, "at": "now"})
    settings.AUDIT_KEY = true
    AuditCheckpoint.objects.create(**said)
    (sentence,) = found_in_database()
    assert "not among those trusted" in sentence


# --- The files of an export ----------------------------------------------------------------------


def rewritten(path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """The export with one file changed."""
    other = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            new.writestr(item, change(content) if item == name else content)
    return other


def findings(path: Path, settings: Any) -> list[str]:
    return [finding.sentence for finding in verify_export(path, own_keys(settings)).findings]


@pytest.mark.usefixtures("ledger")
def test_another_manifest_is_found(settings: Any, tmp_path: Path) -> None:
    """Signed by another key, and pretending to be the console's."""
    path = exported(tmp_path)
    other = Ed25519PrivateKey.generate()

    def replace(text: bytes) -> bytes:
        said = {**json.loads(text), "last": 9}
        said["signature"] = base64.b64encode(other.sign(signed_bytes("manifest", said))).decode()
        return json.dumps(said).encode()

    (sentence,) = findings(rewritten(path, MANIFEST, replace), settings)
    assert "The manifest is not the console's: its signature does not fit" in sentence

    def sign_anew(text: bytes) -> bytes:
        said = {**json.loads(text), "key_id": key_id(other.public_key().public_bytes_raw())}
        said["signature"] = base64.b64encode(other.sign(signed_bytes("manifest", said))).decode()
        return json.dumps(said).encode()

    (sentence,) = findings(rewritten(path, MANIFEST, sign_anew), settings)
    assert "not among those trusted" in sentence


@pytest.mark.usefixtures("ledger")
def test_every_byte_of_the_entries_counts(settings: Any, tmp_path: Path) -> None:
    path = exported(tmp_path)
    with zipfile.ZipFile(path) as archive:
        content = archive.read(ENTRIES)
    for place in range(0, len(content), 97):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert findings(rewritten(path, ENTRIES, lambda _old, new=changed: new), settings), place  # type: ignore[misc]


@pytest.mark.usefixtures("ledger")
def test_entries_that_are_cut_off_or_added_are_found(settings: Any, tmp_path: Path) -> None:
    path = exported(tmp_path)

    def without_last(text: bytes) -> bytes:
        return b"".join(text.splitlines(keepends=True)[:-1])

    (sentence,) = findings(rewritten(path, ENTRIES, without_last), settings)
    assert "ends with entry 9; by its manifest the last one is 10" in sentence
    write(11)
    longer = exported(tmp_path, "longer.zip")
    with zipfile.ZipFile(longer) as archive:
        more = archive.read(ENTRIES)
    (sentence,) = findings(rewritten(path, ENTRIES, lambda _old: more), settings)
    assert "goes on after entry 10" in sentence


@pytest.mark.usefixtures("ledger")
def test_what_looks_like_a_link_in_the_data_is_none(settings: Any, tmp_path: Path) -> None:
    """The data of an entry may have the very words by which the verifier finds the link."""
    head = AuditEntry.objects.first()
    assert head is not None
    data = {"prev_hash": head.hash, "seq": 11, "target_kind": "x"}
    record(ROOT, "noted", target=("thing", 1, "T"), data={"z": data})
    write(12)
    assert findings(exported(tmp_path), settings) == []


# --- Checkpoints ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
def test_checkpoints_are_kept_outside_as_they_were_signed(settings: Any, tmp_path: Path) -> None:
    outside = checkpoints_of(tmp_path / "outside" / "checkpoints.jsonl")
    kept = [item.said for item in AuditCheckpoint.objects.order_by("seq")]
    assert outside == kept
    assert [item["seq"] for item in kept] == [3, 10]
    assert checkpoint_make() is None  # nothing new


def test_without_entries_there_is_no_checkpoint() -> None:
    assert checkpoint_make() is None


def test_what_could_not_be_kept_outside_is_later(settings: Any, tmp_path: Path) -> None:
    write(1)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    settings.CHECKPOINTS_TO = str(blocked)
    assert checkpoint_make() is not None
    assert AuditCheckpoint.objects.get().outside_at is None
    blocked.unlink()
    assert checkpoint_make() is None
    assert AuditCheckpoint.objects.get().outside_at is not None
    assert len(checkpoints_of(blocked / "checkpoints.jsonl")) == 1


def test_all_that_waits_is_kept_outside(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In parts, in order, each once."""
    monkeypatch.setattr("console.audit.checkpoints.LINES_AT_ONCE", 3)
    folder, settings.CHECKPOINTS_TO = settings.CHECKPOINTS_TO, ""
    for number in range(1, 8):
        write(number)
        checkpoint_make()
    settings.CHECKPOINTS_TO = folder
    checkpoint_make()
    outside = checkpoints_of(tmp_path / "outside" / "checkpoints.jsonl")
    assert [said["seq"] for said in outside] == list(range(1, 8))
    assert not AuditCheckpoint.objects.filter(outside_at=None).exists()


@pytest.mark.usefixtures("ledger")
def test_a_new_key_is_told_in_the_ledger_and_the_old_one_still_verifies(settings: Any) -> None:
    old, settings.AUDIT_KEY = settings.AUDIT_KEY, new_key()
    write(11)
    with pytest.raises(DoesNotHold, match="not among those trusted"):
        checkpoint_make()
    assert not verify_database().holds
    settings.AUDIT_OLD_KEYS = [public_key(old)]
    assert checkpoint_make() is not None
    newest = AuditEntry.objects.latest("seq")
    assert (newest.seq, newest.action) == (12, "audit.key_changed")
    report = verify_database()
    assert report.findings == []
    assert report.vouched == 12
    assert checkpoint_make() is None


# --- Commands ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
def test_the_commands_make_export_and_verify(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: str) -> str:
        out = StringIO()
        call_command(*arguments, stdout=out)
        return out.getvalue().strip()

    assert "Nothing is new" in said("audit_checkpoint")
    write(11)
    assert said("audit_checkpoint").startswith("Signed entry 11")
    path = tmp_path / "ledger.zip"
    assert said("audit_export", str(path)).endswith("entries 1 to 11")
    assert AuditEntry.objects.latest("seq").action == "audit.exported"
    assert said("audit_verify").endswith("HOLDS")
    assert main([str(path), "--key", said("audit_key", "--public")]) == 0
    assert "Followed 11 entries" in capsys.readouterr().out
    with pytest.raises(CommandError, match="is there already"):
        said("audit_export", str(path))
    assert public_key(said("audit_key"))  # a new one


@pytest.mark.usefixtures("ledger")
def test_without_a_key_the_commands_say_what_to_do(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY = ""
    write(11)
    path = tmp_path / "ledger.zip"
    for command in (["audit_checkpoint"], ["audit_export", str(path)], ["audit_key", "--public"]):
        with pytest.raises(CommandError, match=r"manage\.py audit_key"):
            call_command(*command)
    assert not path.exists()


def test_what_is_no_export_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = public_key(new_key())
    nothing = tmp_path / "nothing"
    assert main([str(nothing), "--key", key]) == 2
    assert "neither a folder nor a zip file" in capsys.readouterr().err
    nothing.mkdir()
    assert main([str(nothing), "--key", key]) == 2
    assert "has no manifest.json" in capsys.readouterr().err
    assert main([str(nothing), "--key", "no key"]) == 2
    assert "is no public key" in capsys.readouterr().err
    (nothing / MANIFEST).write_text("[")
    assert main([str(nothing), "--key", key]) == 2
    assert "can't be read" in capsys.readouterr().err


@pytest.mark.usefixtures("ledger")
def test_an_export_that_was_unpacked_verifies_too(settings: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(exported(tmp_path)) as archive:
        archive.extractall(tmp_path / "folder")
        assert set(archive.namelist()) == {
            *(ENTRIES, MANIFEST, CHECKPOINTS),
            *(SIGNATURES, CERTIFICATES),
        }
    assert verify_export(tmp_path / "folder", own_keys(settings)).holds


# --- Each checkpoint once ------------------------------------------------------------------------


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The entries of the checkpoints whose signatures are checked."""
    seen: list[Any] = []
    complaint = Keys.complaint

    def seen_too(self: Keys, kind: str, said: Mapping[str, Any]) -> str:
        if kind == "checkpoint":
            seen.append(said.get("seq"))
        return complaint(self, kind, said)

    monkeypatch.setattr(Keys, "complaint", seen_too)
    return seen


@pytest.fixture
def signed_often() -> list[int]:
    """Entries that each have a checkpoint, in the database and outside."""
    for number in range(1, 41):
        write(number)
        assert checkpoint_make() is not None
    return list(range(1, 41))


def shuffle_outside(tmp_path: Path) -> None:
    path = tmp_path / "outside" / "checkpoints.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    Random(4).shuffle(lines)
    path.write_text("".join(lines))


def seen_first(signed_often: list[int]) -> list[int]:
    """The newest one outside is looked at before all others: it says what must be signed."""
    return sorted([*signed_often, max(signed_often)])


PARTS = [(7, 2000), (7, 3), (100, 1), (1, 1), (100, 2000)]


@pytest.mark.parametrize("is_in_order", [True, False])
def test_each_checkpoint_is_checked_once_a_run(
    is_in_order: bool, signed_often: list[int], signatures: list[Any], tmp_path: Path
) -> None:
    """Whatever the parts. If the file is not in order, its copy of one may be checked apart."""
    if not is_in_order:
        shuffle_outside(tmp_path)
    for parts in PARTS:
        signatures.clear()
        report = in_parts(*parts)
        assert (report.findings, report.vouched) == ([], 40), parts
        assert set(signatures) == set(signed_often), parts
        if is_in_order:
            assert sorted(signatures) == seen_first(signed_often), parts
        else:
            assert len(signatures) <= 2 * len(signed_often), parts


def test_the_page_checks_each_checkpoint_once(
    signed_often: list[int],
    signatures: list[Any],
    auditor: User,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.web.pages.trail.ENTRIES_A_PART", 7)
    # What the page shows beside the verification: the newest one outside.
    monkeypatch.setattr("console.web.pages.trail.audit_kept_to", lambda _actor: 0)
    sign_in(client, auditor)
    del signatures[:]
    state, parts = "", 0
    while parts == 0 or state:
        page = client.post(reverse("audit-verify"), {"state": state}).content.decode()
        state = (re.findall(r'name="state" value="([^"]+)"', page) or [""])[0]
        parts += 1
    assert "The trail holds." in page
    assert parts > 5
    # The newest one is looked at by each page, too, since it tells whether checkpoints are late.
    rest = [seq for seq in signatures if seq != max(signed_often)]
    assert sorted(rest) == [seq for seq in signed_often if seq != max(signed_often)]


@pytest.mark.usefixtures("signed_often")
@pytest.mark.parametrize("most", [1, 7, 100])
def test_a_file_in_no_order_finds_what_was_rewritten(most: int, tmp_path: Path) -> None:
    tamper, _words = WAYS["rewrite from the middle"]
    with triggers_off():
        tamper()
        AuditCheckpoint.objects.all().delete()
    shuffle_outside(tmp_path)
    for checkpoints in (1, 3, 2000):
        (finding,) = in_parts(most, checkpoints).findings
        assert "the chain was written anew" in finding.sentence


@pytest.mark.usefixtures("signed_often")
def test_the_command_tells_of_checkpoints_kept_elsewhere(tmp_path: Path) -> None:
    """Of entries that are gone, with their checkpoints, from here and from outside."""
    outside, elsewhere = tmp_path / "outside" / "checkpoints.jsonl", tmp_path / "elsewhere.jsonl"
    outside.rename(elsewhere)
    call_command("audit_verify", checkpoints=elsewhere, stdout=StringIO())
    with triggers_off():
        AuditEntry.objects.filter(seq__gt=30).delete()
        AuditCheckpoint.objects.filter(seq__gt=30).delete()
    call_command("audit_verify", stdout=StringIO())
    out = StringIO()
    with pytest.raises(CommandError, match="DOES NOT HOLD"):
        call_command("audit_verify", checkpoints=elsewhere, stdout=out)
    assert "the newest entries, 31 to 40 at least, are gone" in out.getvalue()
