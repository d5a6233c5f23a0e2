"""The console vouches for nothing that no process signed, whatever the application's role puts
beside the entries: checkpoints that nobody signed, leaves that are of no entry. And who has stolen
a process's key signs by that key alone."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.audit import signing
from console.audit.chain import canonical, canonical_time, entry_hash
from console.audit.checkpoints import new_key, public_key
from console.audit.export import export_to
from console.audit.models import (
    AuditCertificate,
    AuditCheckpoint,
    AuditEntry,
    AuditSignature,
    as_hashed,
)
from console.audit.services import (
    DoesNotHold,
    checkpoint_make,
    entries_write,
    process_key_revoke,
    record,
)
from console.audit.tlog import growing
from console.audit.tlog.growing import tree_grow
from console.audit.tlog.publishing import tree_publish
from console.audit.tlog.standing import TreeRefused
from console.audit.tlog.tree import leaves_of, newest_head, secret
from console.audit.verification import verify_database
from console.audit.verify import Keys, batch_bytes, verify_export
from tests.audit.test_signatures import batch_content, chained, forged, write
from tests.support.factories import ROOT
from tests.support.tampering import run, triggers_off

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Path) -> None:
    """Ten entries; a checkpoint and a head of the tree at the eighth, also outside."""
    settings.AUDIT_KEY, settings.AUDIT_OLD_KEYS = new_key(), []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")
    for number in range(1, 11):
        write(number)
        if number == 8:
            sign()


def sign() -> None:
    checkpoint_make()
    tree_grow()
    tree_publish()


def made_up(seq: int, digest: str, **said: Any) -> None:
    """A checkpoint of nobody, in the form of the true ones."""
    true = AuditCheckpoint.objects.get(seq=8)
    values = {**true.said, "seq": seq, "hash": digest, **said}
    AuditCheckpoint.objects.create(**values)


# --- Checkpoints that nobody signed --------------------------------------------------------------


def test_a_made_up_checkpoint_is_no_base() -> None:
    """Forged entries up to a made-up checkpoint, and a true entry after it."""
    put_in = [chained() for _ in range(3)][-1]
    made_up(put_in.seq, put_in.hash)
    write(14)
    with pytest.raises(DoesNotHold, match="Entry 11 is signed by no process"):
        checkpoint_make()
    assert not AuditCheckpoint.objects.filter(seq__gt=put_in.seq).exists()


def test_a_made_up_checkpoint_starves_nobody(tmp_path: Path) -> None:
    made_up(2**62, "0" * 64, signed_from=2**62)
    made = checkpoint_make()
    assert made is not None
    assert (made.seq, made.signed_from) == (10, 1)
    lines = (tmp_path / "outside" / "checkpoints.jsonl").read_text()
    assert '"seq": 10' in lines
    assert str(2**62) not in lines
    assert not verify_database().holds


def test_a_checkpoint_of_entries_that_are_gone_is_said() -> None:
    """One that is signed, of a state that this database has lost."""
    sign()
    with triggers_off():
        run("DELETE FROM audit_auditsignature WHERE last > 8")
        run("DELETE FROM audit_auditentry WHERE seq > 8")
    with pytest.raises(DoesNotHold, match="the newest entries, 9 to 10 at least, are gone"):
        checkpoint_make()


# --- Leaves that are of no entry -----------------------------------------------------------------


def put_in_leaves(*made: bytes) -> None:
    run("UPDATE audit_audittile SET hashes = hashes || %s WHERE level = -1", b"".join(made))


def own_leaf(seq: int) -> bytes:
    """The application's role knows the secret of the salts."""
    entry = AuditEntry.objects.get(seq=seq)
    return next(leaves_of([(entry, canonical(as_hashed(entry)))], secret()))


def test_no_head_is_signed_over_a_leaf_that_is_of_no_entry() -> None:
    checkpoint_make()
    put_in_leaves(b"x" * 32, own_leaf(10))
    with pytest.raises(TreeRefused, match="Leaf 9 of the tree is not that of entry 9"):
        tree_grow()
    head = newest_head()
    assert head is not None
    assert head.size == 8


def test_no_head_covers_a_leaf_that_was_put_in_before_it_grew_on() -> None:
    put_in_leaves(b"x" * 32, own_leaf(10))
    write(11)
    checkpoint_make()
    with pytest.raises(TreeRefused, match="Leaf 9 of the tree is not that of entry 9"):
        tree_grow()


def test_leaves_of_entries_to_come_are_refused() -> None:
    put_in_leaves(*[b"x" * 32] * 5)
    checkpoint_make()
    with pytest.raises(TreeRefused):
        tree_grow()


def test_a_tree_that_grew_before_there_were_receipts_grows_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(11, 40):
        write(number)
    checkpoint_make()
    monkeypatch.setattr(growing, "ENTRIES_A_PIECE", 7)
    assert tree_grow(pieces=2) is None
    run("DELETE FROM audit_auditreceipt")
    head = tree_grow()
    assert head is not None
    assert (head.size, verify_database().findings) == (39, [])


# --- By a thief of a process's key ---------------------------------------------------------------


def certified(name: str, days_ago: int) -> signing.ProcessKey:
    """A key that was certified so long ago, for thirty days."""
    begin = timezone.now() - timedelta(days=days_ago)
    key = signing.certified_key(name, begin, timedelta(days=30))
    said = dict(key.certificate)
    AuditCertificate.objects.create(id=key.id, begin=said.pop("from"), end=said.pop("to"), **said)
    return key


def dated(content: list[bytes], days_ago: int) -> list[bytes]:
    at = canonical_time(timezone.now() - timedelta(days=days_ago)).encode()
    head, _at, rest = content[0].partition(b'"at":"')
    return [head + _at + at + rest[len(at) :], content[1]]


def batch_of(
    content: list[list[bytes]],
    key: signing.ProcessKey,
    *,
    number: int = 1,
    prev: str = "0" * 64,
    signature: bytes = b"",
) -> str:
    """Append entries with these contents in one batch, and return what the next one names."""
    newest = AuditEntry.objects.latest("seq")
    seq, previous = newest.seq, newest.hash
    for each in content:
        text = json.loads(b"".join(each))
        seq += 1
        entry = AuditEntry(seq=seq, prev_hash=previous, **text)
        entry.hash = previous = entry_hash({**text, "seq": seq, "prev_hash": entry.prev_hash})
        entry.save(force_insert=True)
    row = AuditSignature(
        last=seq, first=newest.seq + 1, signer=key.id, stream="f" * 16, number=number,
        after=newest.seq, after_hash=newest.hash, prev=prev, signature=signature,
    )  # fmt: skip
    message = batch_bytes([part for each in content for part in each], row.said)
    row.signature = signature or key.private.sign(message)
    row.save(force_insert=True)
    return hashlib.sha256(message).hexdigest()


def put_under_another_key() -> None:
    """The signature of a later batch stands for those before it in its stream: so an entry of long
    ago, by a key that has ended, stands before one by the stolen key."""
    old, stolen = certified("old", 400), certified("stolen", 1)
    content = batch_content(10)
    link = batch_of([dated(content, 390)], old, signature=b"x" * 64)
    batch_of([content], stolen, number=2, prev=link)


def revoke_by_anothers_revocation() -> None:
    """PostgreSQL refuses the key that an entry names as its target."""
    stolen, gone = certified("stolen", 1), certified("gone", 1)
    process_key_revoke(ROOT, key=gone.id)
    own = AuditSignature.objects.get(last=10).signer
    head, tail = batch_content(AuditEntry.objects.latest("seq").seq)
    named = tail.replace(gone.id.encode(), own.encode())
    forged([head, named], stolen.id, "f" * 16, 1, key=stolen.private)


def test_a_batch_in_a_stream_of_another_key_is_found() -> None:
    put_under_another_key()
    report = verify_database()
    assert [finding.seq for finding in report.findings] == [11]
    with pytest.raises(DoesNotHold):
        checkpoint_make()


def test_the_revocation_of_one_key_does_not_stand_for_another() -> None:
    revoke_by_anothers_revocation()
    report = verify_database()
    assert [finding.seq for finding in report.findings] == [12]
    assert "is of another key" in str(report.findings[0].sentence)


@pytest.mark.django_db(transaction=True)
def test_a_new_key_within_a_transaction_begins_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction.atomic():
        record(ROOT, "noted", target=("thing", 1, "thing"))
        entries_write()
        monkeypatch.setattr("console.audit.signing.OWN_KEY_CHANGED_AFTER", -1.0)
        record(ROOT, "noted", target=("thing", 2, "thing"))
        entries_write()
        monkeypatch.undo()
        record(ROOT, "noted", target=("thing", 3, "thing"))
    batches = AuditSignature.objects.filter(last__gt=10)
    assert len({(each.signer, each.stream) for each in batches}) == 2
    assert verify_database().findings == []


@pytest.mark.parametrize("days_ago", [390, -60])
def test_each_entry_of_a_batch_is_of_the_time_of_its_key(days_ago: int) -> None:
    """Not the last one alone: a thief could put an entry of any time before one of now."""
    content = batch_content(10)
    batch_of([dated(content, days_ago), content], certified("stolen", 1))
    report = verify_database()
    assert [finding.seq for finding in report.findings] == [11]
    assert "was certified from" in str(report.findings[0].sentence)


# --- Entries that nothing of the console would write ---------------------------------------------


def put_in(action: str, data: str) -> None:
    """An entry with a right hash, by plain SQL. `data` is JSON as PostgreSQL prints it."""
    newest = AuditEntry.objects.latest("seq")
    at = canonical_time(timezone.now())
    said = (
        f'{{"action":"{action}","actor_name":"n","actor_ref":"user:1","at":"{at}","data":{data},'
        f'"prev_hash":"{newest.hash}","seq":{newest.seq + 1},"target_kind":"user",'
        f'"target_name":"t","target_ref":"1"}}'
    )
    run(
        "INSERT INTO audit_auditentry (seq, at, actor_ref, actor_name, action, target_kind, "
        "target_ref, target_name, data, prev_hash, hash) "
        "VALUES (%s, %s, 'user:1', 'n', %s, 'user', '1', 't', %s::jsonb, %s, %s)",
        *(newest.seq + 1, at, action, data, newest.hash),
        hashlib.sha256(said.encode()).hexdigest(),
    )


@pytest.mark.parametrize(
    ("action", "data"),
    [
        ("user.created", "[]"),
        ("user.changed", '"roles"'),
        ("version.approved", "null"),
        ("user.second_factor_added", '["public_key"]'),
        ("audit.key_revoked", "[]"),
        ("noted", "[" * 3000 + "]" * 3000),
    ],
    ids=lambda each: str(each)[:25],
)
def test_what_the_verifier_can_not_understand_is_found(
    action: str, data: str, settings: Any, tmp_path: Path
) -> None:
    put_in(action, data)
    with pytest.raises(DoesNotHold, match="ntry 11"):
        checkpoint_make()
    assert [finding.seq for finding in verify_database().findings] == [11]
    path = tmp_path / "export.zip"
    export_to(path)
    report = verify_export(path, Keys([public_key(settings.AUDIT_KEY)]))
    assert [finding.seq for finding in report.findings] == [11]


@pytest.mark.parametrize("data", ["[]", "null", "[" * 3000 + "]" * 3000], ids=lambda each: each[:4])
def test_one_that_no_page_can_read_closes_none(
    data: str, browse: Callable[[User | None], Client], auditor: User
) -> None:
    for action in ("send.created", "user.changed", "noted"):
        put_in(action, data)
    page = browse(auditor).get(reverse("audit"))
    assert page.status_code == 200
    assert page.content.decode().count("unreadable") >= 3
    file = browse(auditor).post(reverse("audit-list-export"), {"format": "jsonl"})
    assert file.status_code == 200
    assert b"".join(file).count(b"unreadable") == 3
