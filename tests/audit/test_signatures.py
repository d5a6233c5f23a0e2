"""Each process signs what it appends. Whoever has the database's roles alone, or a key that nobody
certified, can neither add an entry nor move, repeat or drop one: it is refused, or found with its
place, in the database and in an export, and no checkpoint vouches for it."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from console.actors import system_actor
from console.audit import chain, signing
from console.audit.chain import canonical, canonical_time, entry_hash
from console.audit.checkpoints import new_key, public_key, signed
from console.audit.export import as_hashed
from console.audit.models import (
    AuditCertificate,
    AuditCheckpoint,
    AuditEntry,
    AuditRefusal,
    AuditSignature,
)
from console.audit.services import (
    DoesNotHold,
    Record,
    audit_export,
    checkpoint_make,
    entries_write,
    process_key_revoke,
    record,
    record_many,
)
from console.audit.signing import Keyless, KeyRevoked, process_signer
from console.audit.verification import Verification, verify_database
from console.audit.verify import (
    SIGNATURES,
    Keys,
    Report,
    batch_bytes,
    key_id,
    sentences,
    signed_bytes,
    verify_export,
)
from console.errors import Conflict, NotFound
from console.sends.observe.troubles import troubles
from tests.support.factories import ROOT
from tests.support.tampering import run, triggers_off

pytestmark = pytest.mark.django_db
real = pytest.mark.django_db(transaction=True)
STRANGER = system_actor("stranger")


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY = new_key()
    settings.AUDIT_OLD_KEYS = []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")


def write(number: int) -> None:
    with transaction.atomic():
        record(ROOT, "noted", target=("thing", number, f"thing {number}"), data={"n": number})


@pytest.fixture
def ledger() -> None:
    """Ten entries by one process, each a batch, and checkpoints at the third and at the eighth."""
    for number in range(1, 11):
        write(number)
        if number in (3, 8):
            assert checkpoint_make() is not None


def whole() -> Report:
    """What is found at once is what is found in small parts."""
    report = verify_database()
    for most in (1, 3):
        verification = Verification()
        while not verification.go_on(most):
            progress = json.loads(json.dumps(verification.progress()))
            verification = Verification.resumed(progress)
        part = verification.report
        assert [each.seq for each in part.findings] == [each.seq for each in report.findings]
        if report.holds:
            assert (part.signed, part.unsigned) == (report.signed, report.unsigned)
    return report


def found(settings: Any, tmp_path: Path) -> tuple[int | None, str]:
    """Where something is found in the database, and the words. An export says the same, and there
    is no further checkpoint."""
    report = whole()
    assert not report.holds
    (finding,) = report.findings
    path = tmp_path / "export.zip"
    with transaction.atomic():
        audit_export(ROOT, path)
        offline = verify_export(path, Keys([public_key(settings.AUDIT_KEY)]))
        transaction.set_rollback(True)
    assert offline.findings[0].seq == finding.seq
    return finding.seq, str(finding.sentence)


def refused_to_sign() -> str:
    with pytest.raises(DoesNotHold) as caught:
        checkpoint_make()
    return str(caught.value)


# --- The true ledger -----------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
def test_all_is_signed_and_holds(settings: Any, tmp_path: Path) -> None:
    report = whole()
    assert (report.findings, report.signed, report.unsigned) == ([], 10, 0)
    assert report.signed_from == 1
    path = tmp_path / "export.zip"
    audit_export(ROOT, path)
    offline = verify_export(path, Keys([public_key(settings.AUDIT_KEY)]))
    assert (offline.findings, offline.signed) == ([], 10)
    assert "Processes of the console signed 10 of them" in " ".join(sentences(offline))


@real
def test_one_transaction_is_one_signature() -> None:
    with transaction.atomic():
        record(ROOT, "one", target=("thing", 1, "T"))
        record_many(STRANGER, [Record("two", ("thing", 2, "T")), Record("three", ("x", 3, "T"))])
    (batch,) = AuditSignature.objects.all()
    assert (batch.first, batch.last, batch.number) == (1, 3, 1)
    assert [entry.actor_ref for entry in AuditEntry.objects.order_by("seq")] == [
        ROOT.ref,
        *[STRANGER.ref] * 2,
    ]
    assert whole().signed == 3


@real
def test_batches_of_a_process_are_one_stream() -> None:
    for number in range(5):
        write(number)
    assert set(AuditSignature.objects.values_list("stream", flat=True).order_by()) == {
        AuditSignature.objects.first().stream
    }
    assert [batch.number for batch in AuditSignature.objects.all()] == [1, 2, 3, 4, 5]


@real
def test_what_is_rolled_back_leaves_no_gap() -> None:
    def failing(*, after_writing: bool) -> None:
        with transaction.atomic():
            record(ROOT, "lost", target=("thing", 1, "T"))
            if after_writing:
                entries_write()
            raise KeyError

    write(1)
    for after_writing in (False, True):
        with pytest.raises(KeyError):
            failing(after_writing=after_writing)
        write(2)
    with transaction.atomic():
        record(ROOT, "first", target=("thing", 1, "T"))
        entries_write()
        with pytest.raises(KeyError):
            failing(after_writing=True)
        record(ROOT, "last", target=("thing", 1, "T"))
    write(3)
    report = whole()
    assert (report.findings, report.signed) == ([], 6)


@real
def test_a_certificate_that_was_rolled_back_comes_again() -> None:
    def failing() -> None:
        with transaction.atomic():
            record(ROOT, "lost", target=("thing", 1, "T"))
            entries_write()
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert not AuditCertificate.objects.exists()
    write(1)
    assert (whole().findings, whole().signed) == ([], 1)


@real
def test_threads_and_processes_sign_at_once() -> None:
    def many() -> None:
        try:
            for number in range(20):
                write(number)
        finally:
            connection.close()

    threads = [Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    report = whole()
    assert (report.findings, report.signed) == ([], 80)
    assert len(set(AuditSignature.objects.values_list("stream", flat=True))) <= 4


@real
def test_many_entries_of_one_transaction_have_near_anchors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.audit.services.ENTRIES_A_CALL", 10)
    monkeypatch.setattr("console.audit.services.ENTRIES_A_MESSAGE", 20)
    with transaction.atomic():
        record_many(ROOT, [Record("noted", ("thing", n, "T")) for n in range(95)])
    afters = [batch.after for batch in AuditSignature.objects.all()]
    assert afters == [0, 0, 20, 20, 40, 40, 60, 60, 80, 80]
    assert [batch.number for batch in AuditSignature.objects.all()] == [*range(1, 11)]
    assert (whole().findings, whole().signed) == ([], 95)


def test_a_day_later_a_process_has_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    write(1)
    monkeypatch.setattr("console.audit.signing.OWN_KEY_CHANGED_AFTER", -1.0)
    write(2)
    assert AuditCertificate.objects.count() == 2
    assert whole().holds


def test_a_key_of_its_own_from_a_file(settings: Any, tmp_path: Path) -> None:
    out = StringIO()
    call_command("audit_key", "--process", "web 1", stdout=out)
    file = tmp_path / "process_key"
    file.write_text(out.getvalue())
    settings.PROCESS_KEY = str(file)
    audit_key, settings.AUDIT_KEY = settings.AUDIT_KEY, ""  # a web server has no audit key
    write(1)
    settings.AUDIT_KEY = audit_key
    (certificate,) = AuditCertificate.objects.all()
    assert certificate.name == "web 1"
    assert checkpoint_make() is not None
    assert (whole().findings, whole().signed) == ([], 1)


@pytest.mark.parametrize("days", ["0", "-3"])
def test_a_key_is_valid_for_a_day_at_least(days: str) -> None:
    with pytest.raises(CommandError, match="at least 1"):
        call_command("audit_key", "--process", "web", "--days", days)


# --- An upgrade ----------------------------------------------------------------------------------


def test_entries_of_before_stay_verifiable(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("console.audit.services.process_signer", lambda: None)
        for number in range(1, 5):
            write(number)
    old = AuditCheckpoint.objects.create(
        **signed("checkpoint", {"seq": 4, "hash": AuditEntry.objects.get(seq=4).hash, "at": "t"})
    )
    assert "signed_from" not in old.said
    for number in range(5, 8):
        write(number)
    checkpoint = checkpoint_make()
    assert checkpoint is not None
    assert checkpoint.said["signed_from"] == 5
    report = whole()
    assert (report.findings, report.signed, report.unsigned) == ([], 3, 4)
    assert "Entries up to 4 are of before processes signed" in " ".join(sentences(report))


# --- By the database's role for the application --------------------------------------------------


def chained(**fields: Any) -> AuditEntry:
    """Insert an entry with a right hash after the newest one, by plain SQL."""
    newest = AuditEntry.objects.latest("seq")
    entry = AuditEntry(
        seq=newest.seq + 1, at=timezone.now(), actor_ref="user:7", actor_name="Anna Approver",
        action="version.approved", target_kind="version", target_ref="1", target_name="delay v1",
        data={}, prev_hash=newest.hash, **fields,
    )  # fmt: skip
    entry.hash = entry_hash(as_hashed(entry))
    entry.save(force_insert=True)
    return entry


@pytest.mark.usefixtures("ledger")
def test_inserted_entries_are_found(settings: Any, tmp_path: Path) -> None:
    for _ in range(3):
        chained()
    assert found(settings, tmp_path) == (
        11,
        "Entry 11 is signed by no process of the console: it was put in by somebody who has no "
        "key.",
    )
    assert "Entry 11 is signed by no process" in refused_to_sign()
    assert AuditCheckpoint.objects.latest("seq").seq == 8
    refusal = AuditRefusal.objects.get()
    assert refusal.seq == 11
    assert "ledger_refused" in {each.code for each in troubles()}
    # It is refused again and again, and said once.
    refused_to_sign()
    assert AuditRefusal.objects.count() == 1


@pytest.mark.usefixtures("ledger")
def test_an_operator_goes_on_and_the_forged_stays_named(settings: Any, tmp_path: Path) -> None:
    chained()
    chained()
    write(13)
    refused_to_sign()
    out = StringIO()
    call_command("audit_checkpoint", "--foreign", "11-12", stdout=out)
    assert "Signed entry 13" in out.getvalue()
    assert not AuditRefusal.objects.exists()
    report = whole()
    assert (report.findings, report.signed, report.foreign) == ([], 11, [[11, 12]])
    assert "Entries 11 to 12 are nobody's of the console" in " ".join(sentences(report))
    path = tmp_path / "export.zip"
    audit_export(ROOT, path)
    offline = verify_export(path, Keys([public_key(settings.AUDIT_KEY)]))
    assert (offline.findings, offline.foreign) == ([], [[11, 12]])
    write(14)
    assert checkpoint_make() is not None
    assert AuditCheckpoint.objects.latest("seq").foreign == [[11, 12]]


@pytest.mark.parametrize("text", ["", "x", "4", "9-3", "0-2", "1-2-3"])
def test_what_are_no_entries_is_said(text: str) -> None:
    with pytest.raises(CommandError, match=r"are no entries|is empty"):
        call_command("audit_checkpoint", "--foreign", text)


APPEND = (
    "SELECT audit_append(ARRAY[%s], ARRAY['u'], ARRAY['n'], ARRAY['a'], ARRAY['k'], ARRAY['r'], "
    "ARRAY['t'], ARRAY[%s], ARRAY['{}'], ARRAY[%s], %s, %s, %s, %s, %s, %s, %s::bytea)"
)
PARTS = ('{"action":"a","actor_name":"n","actor_ref":"u","at":"', ',"target_kind":"k"}')


def appended(signer: str, stream: str, number: int, after: int, digest: str) -> None:
    values = [timezone.now().isoformat(), *PARTS, signer, stream, number, after, digest]
    with transaction.atomic():
        run(APPEND, *values, "0" * 64, b"x" * 64)


@pytest.mark.usefixtures("ledger")
def test_unsigned_appending_is_refused() -> None:
    with pytest.raises(DatabaseError, match="no key to sign"):
        appended("", "", 0, 0, "")
    assert AuditEntry.objects.count() == 10


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("digest", ["0" * 64, ""])
def test_appending_to_another_history_is_refused(digest: str) -> None:
    with pytest.raises(DatabaseError, match="not a recent one here"):
        appended("a" * 16, "b" * 16, 1, 7, digest)


@pytest.mark.usefixtures("ledger")
def test_a_batch_with_a_bad_signature_is_found(settings: Any, tmp_path: Path) -> None:
    signature = AuditSignature.objects.latest("last")
    content = batch_content(10)
    forged(content, signature.signer, "f" * 16, 1, signature=b"x" * 64)
    seq, words = found(settings, tmp_path)
    assert seq == 11
    assert "not what was signed" in words
    assert "not what was signed" in refused_to_sign()


def batch_content(seq: int) -> list[bytes]:
    """The content of an entry, as its batch has it."""
    entry = canonical(as_hashed(AuditEntry.objects.get(seq=seq)))
    head, tail = entry.split(b',"prev_hash":"')
    return [head, tail[tail.index(b',"target_kind"') :]]


def forged(
    content: list[bytes],
    signer: str,
    stream: str,
    number: int,
    *,
    key: Ed25519PrivateKey | None = None,
    signature: bytes = b"",
    after: int | None = None,
    **fields: Any,
) -> None:
    """Append an entry with this content as whoever may write to the tables, signed by any key."""
    newest = AuditEntry.objects.latest("seq")
    anchor = AuditEntry.objects.get(seq=newest.seq if after is None else after)
    text = json.loads(b"".join(content))
    entry = AuditEntry(seq=newest.seq + 1, prev_hash=newest.hash, **{**text, **fields})
    entry.hash = entry_hash({**as_hashed_text(entry, text), "prev_hash": newest.hash})
    entry.save(force_insert=True)
    said = {"key_id": signer, "stream": stream, "number": number, "after": anchor.seq}
    said |= {"after_hash": anchor.hash, "prev": "0" * 64}
    if key is not None:
        signature = key.sign(batch_bytes(content, said))
    AuditSignature.objects.create(
        last=entry.seq, first=entry.seq, signer=signer, stream=stream, number=number,
        after=anchor.seq, after_hash=anchor.hash, prev="0" * 64, signature=signature,
    )  # fmt: skip


def as_hashed_text(entry: AuditEntry, text: dict[str, Any]) -> dict[str, Any]:
    return {**text, "seq": entry.seq}


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("number", [5, 11])
def test_a_repeated_batch_is_found(number: int, settings: Any, tmp_path: Path) -> None:
    """A true batch, signature and all, once more, with the next number or that of a dropped one.
    PostgreSQL refuses its own number."""
    if number == 5:
        run("RESET ROLE")
        run("ALTER TABLE audit_auditsignature DROP CONSTRAINT audit_stream")
    true = AuditSignature.objects.get(last=10)
    content = batch_content(10)
    newest = AuditEntry.objects.latest("seq")
    entry = AuditEntry.objects.get(seq=10)
    entry.seq, entry.prev_hash = 11, newest.hash
    entry.hash = entry_hash(as_hashed(entry))
    entry.save(force_insert=True)
    true.last = true.first = 11
    true.number = number
    true.save(force_insert=True)
    assert batch_content(11) == content
    seq, words = found(settings, tmp_path)
    assert seq == 11
    assert "removed, repeated or put in" in words
    refused_to_sign()


@pytest.mark.usefixtures("ledger")
def test_a_key_that_nobody_certified_is_found(settings: Any, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    name = key_id(key.public_key().public_bytes_raw())
    forged(batch_content(10), name, "f" * 16, 1, key=key)
    seq, words = found(settings, tmp_path)
    assert seq == 11
    assert f"nobody certified the key {name}" in words
    assert "nobody certified" in refused_to_sign()


@pytest.mark.usefixtures("ledger")
def test_a_certificate_by_another_key_is_found(settings: Any, tmp_path: Path) -> None:
    own, settings.AUDIT_KEY = settings.AUDIT_KEY, new_key()
    stranger = signing.certified_key("stranger", timezone.now(), timedelta(days=1))
    settings.AUDIT_KEY = own
    said = dict(stranger.certificate)
    AuditCertificate.objects.create(
        id=stranger.id, begin=said.pop("from"), end=said.pop("to"), **said
    )
    forged(batch_content(10), stranger.id, "f" * 16, 1, key=stranger.private)
    seq, words = found(settings, tmp_path)
    assert seq == 11
    assert "not among those trusted" in words


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_auditsignature SET signer = 'x' WHERE last = 4",
        "DELETE FROM audit_auditsignature WHERE last = 10",
        "UPDATE audit_auditcertificate SET name = 'x'",
        "DELETE FROM audit_auditcertificate",
    ],
)
def test_postgresql_refuses_to_change_signatures(sql: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        run(sql)
    run("RESET ROLE")
    with pytest.raises(IntegrityError, match="kept as it was written"), transaction.atomic():
        run(sql)


# --- By the owner of the tables ------------------------------------------------------------------


def rebuilt(begin: int) -> None:
    """Chain the entries from `begin` on anew, in their order and without gaps."""
    before = AuditEntry.objects.filter(seq__lt=begin).latest("seq")
    seq, previous = before.seq, before.hash
    for entry in AuditEntry.objects.filter(seq__gte=begin).order_by("seq"):
        seq += 1
        AuditSignature.objects.filter(last=entry.seq).update(last=seq, first=seq)
        old, entry.seq, entry.prev_hash = entry.seq, seq, previous
        entry.hash = previous = entry_hash(as_hashed(entry))
        if old != seq:
            AuditEntry.objects.filter(seq=old).delete()
        entry.save()


def actor_changed() -> None:
    run("UPDATE audit_auditentry SET actor_name = 'Somebody else' WHERE seq = 9")
    rebuilt(9)


def one_dropped() -> None:
    run("DELETE FROM audit_auditsignature WHERE last = 9")
    run("DELETE FROM audit_auditentry WHERE seq = 9")
    rebuilt(9)


def two_swapped() -> None:
    for table, column in (("audit_auditentry", "seq"), ("audit_auditsignature", "last")):
        run(
            f"UPDATE {table} SET {column} = -{column} WHERE {column} > 8;"
            f"UPDATE {table} SET {column} = 19 + {column} WHERE {column} < 0"
        )
    run("UPDATE audit_auditsignature SET first = last")
    rebuilt(9)


def signatures_dropped() -> None:
    run("DELETE FROM audit_auditsignature WHERE last > 8")
    actor_changed()


def signatures_swapped() -> None:
    first, second = AuditSignature.objects.filter(last__gt=8)
    AuditSignature.objects.filter(last=9).update(signature=second.signature)
    AuditSignature.objects.filter(last=10).update(signature=first.signature)


def certificates_dropped() -> None:
    run("DELETE FROM audit_auditcertificate")


def certificate_made_longer() -> None:
    run("""UPDATE audit_auditcertificate SET "to" = '2099-01-01T00:00:00.000000Z'""")


def spans_changed() -> None:
    run("DELETE FROM audit_auditsignature WHERE last = 9")
    run("UPDATE audit_auditsignature SET first = 9 WHERE last = 10")


def spans_overlap() -> None:
    run("UPDATE audit_auditsignature SET first = 9 WHERE last = 10")


OWNERS = {
    # After the newest checkpoint, so that only signatures can find it. The entry where it is found.
    actor_changed: 9,
    one_dropped: 9,
    two_swapped: 9,
    signatures_dropped: 9,
    signatures_swapped: 9,
    certificates_dropped: 1,
    certificate_made_longer: 1,
    spans_changed: 9,
    spans_overlap: 10,
}


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("attack", OWNERS, ids=lambda attack: attack.__name__)
def test_what_the_owner_does_is_found(
    attack: Callable[[], None], settings: Any, tmp_path: Path
) -> None:
    with triggers_off():
        attack()
    seq, words = found(settings, tmp_path)
    assert seq == OWNERS[attack], words
    if seq > 8:
        refused_to_sign()


@pytest.mark.usefixtures("ledger")
def test_signatures_of_entries_that_are_gone_are_found() -> None:
    with triggers_off():
        run("DELETE FROM audit_auditentry WHERE seq = 10")
    report = whole()
    assert not report.holds


@pytest.mark.usefixtures("ledger")
def test_dropping_all_signatures_and_checkpoints_inside_is_found_by_those_outside(
    settings: Any, tmp_path: Path
) -> None:
    with triggers_off():
        run("DELETE FROM audit_auditsignature; DELETE FROM audit_auditcheckpoint")
    report = verify_database()
    assert [(each.seq, str(each.sentence)[:37]) for each in report.findings] == [
        (1, "Entry 1 is signed by no process of th")
    ]


@pytest.mark.usefixtures("ledger")
def test_the_newest_batches_can_be_cut_off() -> None:
    """What no checkpoint vouches for yet can be dropped from the end without a trace: docs/audit.md
    says so."""
    with triggers_off():
        run("DELETE FROM audit_auditsignature WHERE last > 8")
        run("DELETE FROM audit_auditentry WHERE seq > 8")
    assert verify_database().holds


# --- Keys ----------------------------------------------------------------------------------------


def stolen() -> signing.ProcessKey:
    """A key of another process, with which it has signed an entry."""
    key = signing.certified_key("stolen", timezone.now(), timedelta(days=1))
    said = dict(key.certificate)
    AuditCertificate.objects.create(id=key.id, begin=said.pop("from"), end=said.pop("to"), **said)
    return key


@pytest.mark.usefixtures("ledger")
def test_a_stolen_key_is_trusted_until_it_is_revoked(settings: Any, tmp_path: Path) -> None:
    key = stolen()
    forged(batch_content(10), key.id, "f" * 16, 1, key=key.private)
    assert whole().holds  # docs/audit.md says that this can't be found
    process_key_revoke(ROOT, key=key.id, after=10)
    report = whole()
    assert report.holds
    assert f"The key {key.id} was revoked by entry 12: what it signed after entry 10 may be" in (
        " ".join(sentences(report))
    )
    forged(batch_content(10), key.id, "e" * 16, 1, key=key.private)
    seq, words = found(settings, tmp_path)
    assert seq == 13
    assert "revoked by entry 12" in words
    refused_to_sign()


@pytest.mark.usefixtures("ledger")
def test_a_revocation_without_the_audit_key_is_worth_nothing(settings: Any, tmp_path: Path) -> None:
    own = process_signer()
    assert own is not None
    key = stolen()
    content = batch_content(10)
    head = content[0].replace(b'"action":"noted"', b'"action":"audit.key_revoked"')
    forged([head, content[1]], key.id, "f" * 16, 1, key=key.private)
    seq, words = found(settings, tmp_path)
    assert seq == 11
    assert "revocation in entry 11 is worth nothing" in words


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("days", [-2, 2])
def test_a_key_out_of_its_time_is_found(days: int, settings: Any, tmp_path: Path) -> None:
    """Used after its end, or for an entry that is said to be older than the key."""
    key = stolen()
    content = batch_content(10)
    at = canonical_time(timezone.now() + timedelta(days=days))
    head = content[0][: content[0].index(b'"at":"') + 6]
    rest = content[0][len(head) + len(at) :]
    forged([head + at.encode() + rest, content[1]], key.id, "f" * 16, 1, key=key.private)
    seq, words = found(settings, tmp_path)
    assert seq == 11
    assert "was certified from" in words


def test_a_process_without_a_key_records_nothing(settings: Any) -> None:
    write(1)
    settings.AUDIT_KEY = ""
    with pytest.raises(Keyless):
        write(2)
    assert AuditEntry.objects.count() == 1


def test_a_revoked_process_stops(settings: Any) -> None:
    settings.PROCESS_KEY = signing.as_text(
        signing.certified_key("web", timezone.now(), timedelta(days=1))
    )
    write(1)
    signer = process_signer()
    assert signer is not None
    mine = signer.key.id
    settings.PROCESS_KEY, other = "", settings.PROCESS_KEY
    process_key_revoke(ROOT, key=mine)
    settings.PROCESS_KEY = other
    with pytest.raises(DatabaseError, match="was revoked"):
        write(2)
    with pytest.raises(KeyRevoked):
        write(3)
    settings.PROCESS_KEY = ""
    write(4)
    assert whole().holds


def test_a_process_does_not_revoke_its_own_key() -> None:
    write(1)
    signer = process_signer()
    assert signer is not None
    with pytest.raises(Conflict, match="itself signs"):
        process_key_revoke(ROOT, key=signer.key.id)
    with pytest.raises(NotFound):
        process_key_revoke(ROOT, key="0" * 16)
    with pytest.raises(CommandError, match="No process has signed"):
        call_command("audit_key", "--revoke", "0" * 16)


def test_an_ended_key_records_nothing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = signing.certified_key("web", timezone.now() - timedelta(days=3), timedelta(days=2))
    settings.PROCESS_KEY = signing.as_text(made)
    with pytest.raises(signing.KeyEnded, match="ended at"):
        write(1)


@real
def test_a_forked_process_has_its_own_key() -> None:
    write(1)
    before = process_signer()
    read, wrote = os.pipe()
    child = os.fork()
    if not child:
        signer = process_signer()
        os.write(wrote, signer.key.id.encode() if signer else b"")
        os._exit(0)
    os.waitpid(child, 0)
    assert before is not None
    assert os.read(read, 16).decode() not in ("", before.key.id)


# --- Bytes ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ledger")
def test_no_byte_of_the_signatures_can_be_changed(settings: Any, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    audit_export(ROOT, path)
    folder = tmp_path / "export"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    keys = Keys([public_key(settings.AUDIT_KEY)])
    assert verify_export(folder, keys).holds
    lines = (folder / SIGNATURES).read_bytes().splitlines(keepends=True)
    last = json.loads(lines[-1])
    changed = {
        **{name: value + 1 for name, value in last.items() if isinstance(value, int)},
        **{
            name: ("0" if value[0] != "0" else "1") + value[1:]
            for name, value in last.items()
            if isinstance(value, str)
        },
    }
    assert changed.keys() == last.keys()
    for name, value in changed.items():
        line = json.dumps({**last, name: value}).encode() + b"\n"
        (folder / SIGNATURES).write_bytes(b"".join([*lines[:-1], line]))
        assert not verify_export(folder, keys).holds, name
    swapped = {**json.loads(lines[4]), "signature": last["signature"]}
    (folder / SIGNATURES).write_bytes(
        b"".join([*lines[:4], json.dumps(swapped).encode() + b"\n", *lines[5:]])
    )
    assert not verify_export(folder, keys).holds
    for kept in (lines[:-1], lines[1:], [*lines[:4], *lines[5:]], [*lines, lines[-1]]):
        (folder / SIGNATURES).write_bytes(b"".join(kept))
        assert not verify_export(folder, keys).holds


def test_the_signed_bytes_are_those_of_the_docs() -> None:
    said = {"key_id": "k", "stream": "s", "number": 1, "after": 0}
    said |= {"after_hash": "0" * 64, "prev": "1" * 64}
    content = [b'{"action":"a"', b',"target_ref":"1"}']
    digest = hashlib.sha256(b"".join(content)).hexdigest()
    whole = {**said, "count": 1, "entries": digest}
    assert batch_bytes(content, said) == signed_bytes("batch", whole)
    assert chain.batch_bytes(content, said) == batch_bytes(content, said)
