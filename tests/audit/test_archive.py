"""Old months leave the database for a file, and the chain stays provable: from the seal on here,
and from the first entry on with the files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.audit.checkpoints import new_key, public_key, signed
from console.audit.models import AuditCheckpoint, AuditEntry, AuditSeal
from console.audit.services import audit_export, checkpoint_make, record
from console.audit.signing import forget_signer
from console.audit.tlog.growing import tree_grow
from console.audit.verification import Verification, verify_database
from console.audit.verify import Keys, main, sentences, verify_export, verify_exports
from tests.support.factories import ROOT
from tests.support.signing_in import sign_in
from tests.support.tampering import run, triggers_off

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY = new_key()
    settings.AUDIT_OLD_KEYS = []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")


@pytest.fixture
def in_month(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Any]:
    """As if what is written were written in this month of 2026."""

    @contextmanager
    def travel(month: int) -> Iterator[None]:
        with monkeypatch.context() as patch:
            at = datetime(2026, month, 7, tzinfo=UTC)
            patch.setattr("console.audit.services.near_now", lambda: at)
            patch.setattr("console.audit.signing.near_now", lambda: at)
            forget_signer()
            yield
        forget_signer()

    return travel


@pytest.fixture
def ledger(in_month: Callable[[int], Any]) -> None:
    """Five entries in January, signed up to the fourth; five in February, all signed; one now."""
    for month, signed_at in ((1, 4), (2, 10)):
        with in_month(month):
            for number in range(5):
                write(number)
                if AuditEntry.objects.count() == signed_at:
                    checkpoint_make()
    tree_grow()
    write(11)


def write(number: int) -> None:
    with transaction.atomic():
        record(ROOT, "noted", target=("thing", number, f"thing {number}"), data={"n": number})


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    return tmp_path / "archives"


def archive(before: str, folder: Path) -> str:
    out = StringIO()
    call_command("audit_archive", "--before", before, str(folder), stdout=out)
    return out.getvalue()


def keys(settings: Any) -> Keys:
    return Keys([public_key(settings.AUDIT_KEY)])


def exported(tmp_path: Path) -> Path:
    path = tmp_path / "rest.zip"
    audit_export(ROOT, path)
    return path


def found() -> str:
    return " ".join(finding.sentence for finding in verify_database().findings)


# --- In order ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
def test_old_months_leave_for_a_file(archives: Path, settings: Any) -> None:
    assert "entries 1 to 4, verified and sealed" in archive("2026-02", archives)
    assert verify_export(archives / "ledger-to-4.zip", keys(settings)).head.seq == 4
    assert AuditEntry.objects.earliest("seq").seq == 5
    newest = AuditEntry.objects.latest("seq")
    assert (newest.seq, newest.action) == (12, "audit.archived")
    assert newest.data["file"] == "ledger-to-4.zip"
    report = verify_database()
    assert (report.findings, report.followed, report.head.seq) == ([], 8, 12)
    said = " ".join(sentences(report))
    assert "Entries 1 to 4 are not here but in the file ledger-to-4.zip (SHA-256 " in said
    assert "Followed 8 entries, 5 to 12" in said


@pytest.mark.usefixtures("ledger")
def test_archives_and_what_is_left_are_one_ledger(
    archives: Path, settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive("2026-02", archives)
    assert "entries 5 to 10" in archive("2026-03", archives)
    assert "another" not in found()
    assert verify_database().holds
    checkpoint_make()
    files = [archives / "ledger-to-4.zip", archives / "ledger-to-10.zip", exported(tmp_path)]
    outside = tmp_path / "outside" / "checkpoints.jsonl"
    key = public_key(settings.AUDIT_KEY)
    assert main([*map(str, files), "--key", key, "--checkpoints", str(outside)]) == 0
    said = capsys.readouterr().out
    assert "Followed 13 entries, 1 to 13" in said
    assert "are not here" not in said
    # What is left, alone: it says what is missing, and where that is.
    assert main([str(files[-1]), "--key", key, "--checkpoints", str(outside)]) == 0
    said = capsys.readouterr().out
    assert "Entries 1 to 4 are not here but in the file ledger-to-4.zip" in said
    assert "Entries 5 to 10 are not here but in the file ledger-to-10.zip" in said
    assert "Followed 3 entries, 11 to 13" in said
    # And from the second archive on.
    assert verify_exports(files[1:], keys(settings)).holds


@pytest.mark.usefixtures("ledger")
def test_files_that_do_not_join_are_found(archives: Path, settings: Any, tmp_path: Path) -> None:
    archive("2026-02", archives)
    archive("2026-03", archives)
    first, second, rest = (
        archives / "ledger-to-4.zip",
        archives / "ledger-to-10.zip",
        exported(tmp_path),
    )
    for order, words in (
        (
            [first, rest],
            "begins after entry 10, and what comes before it ends with entry 4",
        ),
        ([second, first], "ledger-to-4.zip begins with entry 1"),
        ([first, first], "ledger-to-4.zip begins with entry 1"),
    ):
        (finding,) = verify_exports(order, keys(settings)).findings
        assert words in finding.sentence


@pytest.mark.usefixtures("ledger")
def test_the_pages_parts_begin_after_the_seal(archives: Path) -> None:
    archive("2026-02", archives)
    verification = Verification()
    parts = 1
    while not verification.go_on(3):
        parts += 1
        verification = Verification.resumed(verification.progress())
    report = verification.report
    whole = verify_database()
    assert (parts, report.findings, report.followed) == (4, [], 8)
    assert (report.checkpoints, report.vouched) == (whole.checkpoints, whole.vouched)
    assert [seal["last"] for seal in report.sealed] == [4]


@pytest.mark.usefixtures("ledger")
def test_the_page_tells_where_the_entries_are(
    archives: Path, auditor: User, client: Client
) -> None:
    archive("2026-02", archives)
    sign_in(client, auditor)
    page = client.get(reverse("audit-proof")).content.decode()
    assert "ledger-to-4.zip" in page
    verified = client.post(reverse("audit-verify")).content.decode()
    assert "are not here but in the file ledger-to-4.zip" in verified


# --- Not in order --------------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("2026-01", "There is no entry from before 2026-01-01"),
        ("2999-01", "What is younger than 28 days stays here"),
        ("January", "is no month"),
    ],
)
def test_what_can_not_be_archived_is_said(before: str, words: str, archives: Path) -> None:
    with pytest.raises(CommandError, match=words):
        archive(before, archives)
    assert AuditEntry.objects.count() == 11
    assert not AuditSeal.objects.exists()


@pytest.mark.usefixtures("ledger")
def test_a_file_is_never_written_over(archives: Path) -> None:
    archives.mkdir()
    (archives / "ledger-to-4.zip").write_text("mine")
    with pytest.raises(CommandError, match="is there already"):
        archive("2026-02", archives)
    assert (archives / "ledger-to-4.zip").read_text() == "mine"


@pytest.mark.usefixtures("ledger")
def test_what_does_not_hold_is_not_dropped(archives: Path) -> None:
    with triggers_off():
        run("UPDATE audit_auditentry SET actor_name = 'Eve' WHERE seq = 2")
    with pytest.raises(CommandError, match=r"Nothing was archived.*Entry 2 was changed"):
        archive("2026-02", archives)
    assert AuditEntry.objects.count() == 11
    assert list(archives.iterdir()) == []


@pytest.mark.usefixtures("ledger")
def test_without_a_key_nothing_is_archived(archives: Path, settings: Any) -> None:
    settings.AUDIT_KEY = ""
    with pytest.raises(CommandError, match=r"manage\.py audit_key"):
        archive("2026-02", archives)
    assert AuditEntry.objects.count() == 11


@pytest.mark.usefixtures("ledger")
def test_what_is_not_dropped_leaves_no_file(archives: Path) -> None:
    run("ALTER TABLE audit_auditseal ADD CONSTRAINT none_today CHECK (false)")
    with pytest.raises(IntegrityError, match="none_today"):
        archive("2026-02", archives)
    assert AuditEntry.objects.count() == 11
    assert list(archives.iterdir()) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("ledger")
def test_a_lost_answer_to_the_commit_leaves_the_file(
    archives: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL has dropped the entries by then: the file is all there is of them."""
    commit = connection._commit  # type: ignore[attr-defined]

    def commit_and_hang_up() -> None:
        is_the_one = AuditSeal.objects.exists()
        commit()
        if is_the_one:
            connection.connection.close()
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", commit_and_hang_up)
    with pytest.raises(CommandError, match=r"It is not known .*1 to 4 .*Keep .*ledger-to-4\.zip"):
        archive("2026-02", archives)
    monkeypatch.undo()
    assert AuditEntry.objects.earliest("seq").seq == 5
    assert verify_export(archives / "ledger-to-4.zip", keys(settings)).head.seq == 4
    said = " ".join(sentences(verify_database()))
    assert "Entries 1 to 4 are not here but in the file ledger-to-4.zip" in said


# --- The only door -------------------------------------------------------------------------------


def forged(**said: Any) -> dict[str, Any]:
    last = AuditEntry.objects.get(seq=said.get("last", 4))
    given = {
        "first": 1,
        "before": "0" * 64,
        "last": last.seq,
        "hash": last.hash,
        "file": "nowhere.zip",
        "sha256": "0" * 64,
        "at": "2026-03-01T00:00:00.000000Z",
    }
    return {**given, **said, "key_id": "0" * 16, "signature": "x"}


def delete_january() -> None:
    run("DELETE FROM audit_auditentry WHERE seq <= 4")


@pytest.mark.usefixtures("ledger")
def test_a_plain_delete_stays_refused(archives: Path) -> None:
    with pytest.raises(IntegrityError, match="is kept as it was written"), transaction.atomic():
        delete_january()
    archive("2026-02", archives)
    with pytest.raises(IntegrityError, match="is kept as it was written"), transaction.atomic():
        run("DELETE FROM audit_auditentry WHERE seq = 5")


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"first": 2}, "A seal begins with the first entry that is in no archive, 1"),
        ({"before": "1" * 64}, "A seal begins with the hash that entry 1 follows"),
        ({"last": 5}, "A seal ends with an entry for which a checkpoint vouches; 5 is none"),
        ({"hash": "1" * 64}, "A seal ends with an entry for which a checkpoint vouches"),
    ],
)
def test_a_seal_that_can_not_stand_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(IntegrityError, match=words), transaction.atomic():
        AuditSeal.objects.create(**forged(**said))


@pytest.mark.usefixtures("ledger")
def test_young_entries_and_the_newest_are_not_sealed() -> None:
    checkpoint_make()
    with pytest.raises(IntegrityError, match="The newest entry stays"), transaction.atomic():
        AuditSeal.objects.create(**forged(last=11))
    write(12)
    with pytest.raises(IntegrityError, match="is younger than a month"), transaction.atomic():
        AuditSeal.objects.create(**forged(last=11))


@pytest.mark.usefixtures("ledger")
def test_a_seal_that_nobody_signed_lets_go_and_is_found() -> None:
    """PostgreSQL can't verify signatures: who has its role may forge a seal, and is found out."""
    AuditSeal.objects.create(**forged())
    delete_january()
    assert "The seal of entries 1 to 4" in found()
    assert "is worth nothing" in found()


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_auditseal SET file = 'x'",
        "DELETE FROM audit_auditseal",
    ],
)
def test_a_seal_stays_as_it_is(change: str, archives: Path) -> None:
    archive("2026-02", archives)
    with pytest.raises(DatabaseError, match="is kept as it was written"), transaction.atomic():
        run(change)


# --- Tampered with, by who owns the tables -------------------------------------------------------

WAYS = {
    "another file": ("UPDATE audit_auditseal SET file = 'x'", "its signature does not fit"),
    "another digest": ("UPDATE audit_auditseal SET sha256 = 'x'", "its signature does not fit"),
    "another hash": ("UPDATE audit_auditseal SET hash = 'x'", "its signature does not fit"),
    "no seal": ("DELETE FROM audit_auditseal", "Entries 1 to 4 are missing"),
    "an entry put in before it": (
        "INSERT INTO audit_auditentry SELECT 3, at, actor_ref, 'Eve', action, target_kind, "
        "target_ref, target_name, data, prev_hash, hash FROM audit_auditentry WHERE seq = 5",
        "Entry 3 is in an archive, by the seal of entries up to 4, and stands here all the same",
    ),
    "the first entry after it": (
        "DELETE FROM audit_auditentry WHERE seq = 5",
        "Entry 5 is missing",
    ),
    "a changed entry after it": (
        "UPDATE audit_auditentry SET actor_name = 'Eve' WHERE seq = 5",
        "Entry 5 was changed",
    ),
}


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("way", WAYS)
def test_tampering_is_found(way: str, archives: Path) -> None:
    archive("2026-02", archives)
    change, words = WAYS[way]
    with triggers_off():
        run(change)
    assert words in found()


@pytest.mark.usefixtures("ledger")
def test_a_seal_with_the_key_alone_contradicts_the_checkpoints(archives: Path) -> None:
    """Who has the key and the tables: the checkpoints that are kept outside tell."""
    archive("2026-02", archives)
    with triggers_off():
        seal = AuditSeal.objects.get()
        said = {name: value for name, value in seal.said.items() if name != "signature"}
        AuditSeal.objects.all().delete()
        AuditCheckpoint.objects.all().delete()
        AuditSeal.objects.create(**signed("seal", {**said, "hash": "1" * 64}))
    assert "ends with another entry than the one that its checkpoint vouches for" in found()
