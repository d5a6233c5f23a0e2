"""docs/audit.md says for each attacker what is refused, what is found, and what nobody finds: each
row of its table is tried here, so that the page can't say more than is true."""

import json
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from console.audit import signing
from console.audit.chain import canonical_time, entry_hash
from console.audit.checkpoints import new_key, public_key, signed
from console.audit.export import export_to
from console.audit.models import (
    AuditCheckpoint,
    AuditEntry,
    AuditSignature,
    AuditTile,
    as_hashed,
)
from console.audit.services import DoesNotHold, checkpoint_make, process_key_revoke
from console.audit.tlog.growing import tree_grow
from console.audit.tlog.publishing import tree_publish
from console.audit.verification import verify_database
from console.audit.verify import Keys, key_id, verify_export
from console.interactions.services import chat_server_create
from tests.audit import test_signatures as by_hand
from tests.audit import test_vouching as vouching
from tests.support.factories import ROOT, make_interaction, make_notice, make_send, make_user
from tests.support.tampering import rewrite_from_the_middle, run, triggers_off

pytestmark = pytest.mark.django_db
AUDIT = Path(__file__).resolve().parents[2] / "docs" / "audit.md"
ANSWERS = "refused|found|without effect|not found"
ROW = re.compile(rf"^\| ([^|]+) \| ([^|]+) \| ({ANSWERS}) \| ([^|]+) \|$")


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Path) -> None:
    """Ten entries in batches of one; checkpoints and heads of the tree at the third and eighth,
    also outside."""
    settings.AUDIT_KEY = new_key()
    settings.AUDIT_OLD_KEYS = []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")
    for number in range(1, 11):
        by_hand.write(number)
        if number in (3, 8):
            sign()


def sign() -> None:
    """What the periodic task does."""
    checkpoint_make()
    tree_grow()
    tree_publish()


# --- By the application's role -------------------------------------------------------------------


def insert_entries() -> None:
    for _ in range(3):
        by_hand.chained()


def change_an_entry() -> None:
    run("UPDATE audit_auditentry SET actor_name = 'Somebody else' WHERE seq = 5")


def delete_an_entry() -> None:
    run("DELETE FROM audit_auditentry WHERE seq = 5")


def append_unsigned() -> None:
    by_hand.appended("", "", 0, 0, "")


def append_with_a_made_up_signature() -> None:
    signer = AuditSignature.objects.latest("last").signer
    by_hand.forged(by_hand.batch_content(10), signer, "f" * 16, 1, signature=b"x" * 64)


def append_elsewhere() -> None:
    by_hand.appended("a" * 16, "b" * 16, 1, 7, "0" * 64)


def repeat_a_batch() -> None:
    true = AuditSignature.objects.get(last=10)
    newest = AuditEntry.objects.latest("seq")
    entry = AuditEntry.objects.get(seq=10)
    entry.seq, entry.prev_hash = 11, newest.hash
    entry.hash = entry_hash(as_hashed(entry))
    entry.save(force_insert=True)
    true.last = true.first = true.number = 11
    true.save(force_insert=True)


def sign_with_an_own_key() -> None:
    key = Ed25519PrivateKey.generate()
    name = key_id(key.public_key().public_bytes_raw())
    by_hand.forged(by_hand.batch_content(10), name, "f" * 16, 1, key=key)


def certify_an_own_key() -> None:
    own, settings.AUDIT_KEY = settings.AUDIT_KEY, new_key()
    key = by_hand.stolen()
    settings.AUDIT_KEY = own
    by_hand.forged(by_hand.batch_content(10), key.id, "f" * 16, 1, key=key.private)


def change_a_signature() -> None:
    run("UPDATE audit_auditsignature SET signer = 'x' WHERE last = 5")


def change_a_certificate() -> None:
    run("UPDATE audit_auditcertificate SET name = 'x'")


def delete_a_checkpoint() -> None:
    run("DELETE FROM audit_auditcheckpoint WHERE seq = 3")


def make_a_checkpoint_up() -> None:
    own, settings.AUDIT_KEY = settings.AUDIT_KEY, new_key()
    newest = AuditEntry.objects.latest("seq")
    said = {"seq": newest.seq, "hash": newest.hash, "at": canonical_time(timezone.now())}
    AuditCheckpoint.objects.create(**signed("checkpoint", {**said, "signed_from": 1}))
    settings.AUDIT_KEY = own


def insert_entries_with_a_checkpoint() -> None:
    insert_entries()
    make_a_checkpoint_up()
    signing.forget_signer()
    by_hand.write(14)
    with pytest.raises(DoesNotHold, match="Entry 11 is signed by no process"):
        checkpoint_make()


def say_that_checkpoints_have_left() -> None:
    checkpoint_file = Path(settings.CHECKPOINTS_TO) / "checkpoints.jsonl"
    lines = checkpoint_file.read_text().splitlines(keepends=True)
    checkpoint_file.write_text("".join(lines[:-1]))
    run("UPDATE audit_auditcheckpoint SET outside_at = now()")
    sign()
    assert checkpoint_file.read_text().count('"seq": 8') == 1


def change_a_tile() -> None:
    run("UPDATE audit_audittile SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0))")


def add_leaves() -> None:
    run("UPDATE audit_audittile SET hashes = hashes || hashes")


def send_to_another_chat() -> None:
    settings.APPROVAL_ABOVE = 1
    chat_server_create(ROOT, name="chat-east", url="esp+json://127.0.0.1:1")
    make_notice("hello")
    chats = [make_interaction(f"c{number}").pk for number in range(3)]
    send = make_send(make_user("sue", "supervisor"), "hello", chats[:2], why="A storm")
    assert send.status == "awaiting_approval"
    run("UPDATE sends_delivery SET interaction_id = 'c2' WHERE interaction_id = 'c1'")


# --- By the owner of the tables ------------------------------------------------------------------


def by_owner(attack: Callable[[], object]) -> Callable[[], None]:
    def attempt() -> None:
        with triggers_off():
            attack()

    return attempt


def keep_checkpoints_inside() -> None:
    """A trigger of his own says of each new checkpoint that it has left."""
    run("RESET ROLE")
    run(
        "CREATE FUNCTION pretend() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.outside_at := now(); RETURN NEW; END'"
    )
    run(
        "CREATE TRIGGER pretend BEFORE INSERT ON audit_auditcheckpoint FOR EACH ROW "
        "EXECUTE FUNCTION pretend()"
    )
    run("SET ROLE console")
    by_hand.write(11)
    sign()
    outside = (Path(settings.CHECKPOINTS_TO) / "checkpoints.jsonl").read_text()
    assert '"seq": 11' in outside


def rewrite_and_delete_checkpoints() -> None:
    run("DELETE FROM audit_auditcheckpoint WHERE seq > 3")
    rewrite_from_the_middle()
    run("DELETE FROM audit_auditsignature WHERE last > 4")


def cut_off_what_a_checkpoint_covers() -> None:
    run("DELETE FROM audit_auditcheckpoint WHERE seq > 3")
    run("DELETE FROM audit_auditsignature WHERE last > 6")
    run("DELETE FROM audit_auditentry WHERE seq > 6")


def cut_off_the_newest() -> None:
    run("DELETE FROM audit_auditsignature WHERE last > 8")
    run("DELETE FROM audit_auditentry WHERE seq > 8")


def drop_all_proofs() -> None:
    run("DELETE FROM audit_auditsignature; DELETE FROM audit_auditcheckpoint")


def change_a_leaf() -> None:
    run("RESET ROLE; ALTER TABLE audit_audittile DISABLE TRIGGER USER")
    tile = AuditTile.objects.earliest("level", "index")
    hashes = bytes(tile.hashes)
    AuditTile.objects.filter(pk=tile.pk).update(hashes=bytes([hashes[0] ^ 1]) + hashes[1:])
    run("ALTER TABLE audit_audittile ENABLE TRIGGER USER; SET ROLE console")


def seal_unsigned() -> None:
    """Drop the oldest entries with a seal that nobody signed."""
    last = AuditEntry.objects.get(seq=3)
    run("DELETE FROM audit_auditsignature WHERE last <= 3")
    run("DELETE FROM audit_auditentry WHERE seq <= 3")
    run(
        "INSERT INTO audit_auditseal (first, before, last, hash, file, sha256, at, key_id, "
        "signature) VALUES (1, %s, 3, %s, 'x.zip', %s, 't', 'k', 's')",
        *("0" * 64, last.hash, "0" * 64),
    )


# --- With keys -----------------------------------------------------------------------------------


def use_a_stolen_key() -> None:
    key = by_hand.stolen()
    by_hand.forged(by_hand.batch_content(10), key.id, "f" * 16, 1, key=key.private)


def use_a_revoked_key() -> None:
    key = by_hand.stolen()
    process_key_revoke(ROOT, key=key.id)
    by_hand.forged(by_hand.batch_content(10), key.id, "f" * 16, 1, key=key.private)


def dated(days: int) -> Callable[[], None]:
    def attempt() -> None:
        key = by_hand.stolen()
        content = by_hand.batch_content(10)
        at = canonical_time(timezone.now() + timedelta(days=days))
        head = content[0][: content[0].index(b'"at":"') + 6]
        moved = head + at.encode() + content[0][len(head) + len(at) :]
        by_hand.forged([moved, content[1]], key.id, "f" * 16, 1, key=key.private)

    return attempt


def write_all_anew() -> None:
    """With the audit key and the database, and without the place outside."""
    with triggers_off():
        for table in ("entry", "checkpoint", "signature", "certificate"):
            run(f"DELETE FROM audit_audit{table}")
    transaction.savepoint_rollback(transaction.savepoint())  # a stream of its own
    signing.forget_signer()
    for number in range(1, 13):
        by_hand.write(100 + number)
    said = {"seq": 12, "hash": AuditEntry.objects.latest("seq").hash, "at": "t"}
    AuditCheckpoint.objects.create(**signed("checkpoint", {**said, "signed_from": 1}))


def write_all_anew_also_outside() -> None:
    write_all_anew()
    outside = Path(settings.CHECKPOINTS_TO)
    for path in sorted(outside.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    run("RESET ROLE; ALTER TABLE audit_audittile DISABLE TRIGGER USER")
    run("ALTER TABLE audit_audittreehead DISABLE TRIGGER USER")
    run("DELETE FROM audit_audittreehead; DELETE FROM audit_audittile")
    run("ALTER TABLE audit_audittreehead ENABLE TRIGGER USER")
    run("ALTER TABLE audit_audittile ENABLE TRIGGER USER; SET ROLE console")


def take_the_checkpoint_of_yesterday() -> None:
    """Sign an old checkpoint once more, for the entry that it was of: it says nothing new."""
    said = AuditCheckpoint.objects.get(seq=3).said
    with (Path(settings.CHECKPOINTS_TO) / "checkpoints.jsonl").open("a") as file:
        file.write(f"{json.dumps(said, sort_keys=True)}\n")


def swap_what_was_written_at_once() -> None:
    """Two processes have signed after the same entry; one of the two batches goes, the other takes
    its place."""
    for name in ("f" * 16, "e" * 16):
        key = by_hand.stolen()
        by_hand.forged(by_hand.batch_content(10), key.id, name, 1, key=key.private, after=10)
    run("DELETE FROM audit_auditsignature WHERE last = 11")
    run("DELETE FROM audit_auditentry WHERE seq = 11")
    by_hand.rebuilt(11)


OWNERS = {
    "swap or drop entries that processes wrote at the same moment, before a later one names "
    "them": swap_what_was_written_at_once,
    "change an entry after the newest checkpoint, and chain anew": by_hand.actor_changed,
    "drop an entry after the newest checkpoint, and chain anew": by_hand.one_dropped,
    "swap two entries after the newest checkpoint, and chain anew": by_hand.two_swapped,
    "drop the signatures of what is changed": by_hand.signatures_dropped,
    "swap two signatures": by_hand.signatures_swapped,
    "say that a signature is of more entries": by_hand.spans_changed,
    "drop the certificates": by_hand.certificates_dropped,
    "make a certificate last longer": by_hand.certificate_made_longer,
    "write the chain anew before a checkpoint, which is deleted": rewrite_and_delete_checkpoints,
    "cut off entries that a checkpoint covers": cut_off_what_a_checkpoint_covers,
    "cut off the newest entries, which no checkpoint covers yet": cut_off_the_newest,
    "delete all signatures and checkpoints inside": drop_all_proofs,
    "drop the oldest entries with a seal of his own": seal_unsigned,
}
ATTEMPTS: dict[tuple[str, str], Callable[[], object]] = {
    ("the application's role", "insert entries with right hashes"): insert_entries,
    ("the application's role", "change an entry"): change_an_entry,
    ("the application's role", "delete an entry"): delete_an_entry,
    ("the application's role", "append without a signature"): append_unsigned,
    ("the application's role", "append with a made-up signature"): append_with_a_made_up_signature,
    ("the application's role", "append what was signed for another history"): append_elsewhere,
    ("the application's role", "repeat what was signed"): repeat_a_batch,
    ("the application's role", "sign with a key of its own"): sign_with_an_own_key,
    ("the application's role", "certify a key of its own"): certify_an_own_key,
    ("the application's role", "change a signature"): change_a_signature,
    ("the application's role", "change a certificate"): change_a_certificate,
    ("the application's role", "delete a checkpoint"): delete_a_checkpoint,
    ("the application's role", "make a checkpoint up"): make_a_checkpoint_up,
    (
        "the application's role",
        "insert entries with a made-up checkpoint of them, before true ones",
    ): insert_entries_with_a_checkpoint,
    ("the application's role", "say that checkpoints have left"): say_that_checkpoints_have_left,
    ("the application's role", "change a tile of the tree"): change_a_tile,
    ("the application's role", "add leaves to the tree"): add_leaves,
    (
        "the application's role",
        "let a delivery of a large send go to another chat",
    ): send_to_another_chat,
    **{("the owner of the tables", what): by_owner(attack) for what, attack in OWNERS.items()},
    ("the owner of the tables", "keep checkpoints inside by a trigger"): keep_checkpoints_inside,
    ("the owner of the tables", "change a leaf of the tree"): change_a_leaf,
    ("a thief of a process's key", "add an entry"): use_a_stolen_key,
    ("a thief of a process's key", "add an entry after the key was revoked"): use_a_revoked_key,
    ("a thief of a process's key", "add an entry after the key's end"): dated(2),
    ("a thief of a process's key", "date an entry to before the key"): dated(-2),
    (
        "a thief of a process's key",
        "say that an entry is by an older key, under a signature of the stolen one",
    ): vouching.put_under_another_key,
    (
        "a thief of a process's key",
        "let a revocation stand for another key",
    ): vouching.revoke_by_anothers_revocation,
    (
        "an operator with all keys and the database",
        "write all anew, without the place outside",
    ): write_all_anew,
    (
        "an operator with all keys and the database",
        "write all anew, with the place outside",
    ): write_all_anew_also_outside,
    (
        "an operator with all keys and the database",
        "bring an old checkpoint once more",
    ): take_the_checkpoint_of_yesterday,
}


def rows() -> dict[tuple[str, str], str]:
    found = map(ROW.match, AUDIT.read_text("utf-8").splitlines())
    return {(row[1], row[2]): row[3] for row in found if row is not None}


def test_each_row_is_tried() -> None:
    from tests.audit.witness.test_witness_attackers import ATTEMPTS as OF_WITNESSES

    assert set(rows()) == set(ATTEMPTS) | set(OF_WITNESSES)
    assert len(rows()) >= 30


# A constraint, a trigger that raises, a missing right, an anchor of another history. A lock that
# somebody else holds is none of them.
REFUSALS = ("23", "P0001", "42501", "40001")


def refused(error: DatabaseError) -> bool:
    return str(getattr(error.__cause__, "sqlstate", "")).startswith(REFUSALS)


@pytest.mark.parametrize(
    ("attacker", "attempt"), ATTEMPTS, ids=[" - ".join(each) for each in ATTEMPTS]
)
def test_it_ends_as_the_page_says(attacker: str, attempt: str, tmp_path: Path) -> None:
    before = transaction.savepoint()
    try:
        ATTEMPTS[attacker, attempt]()
    except DatabaseError as error:
        if not refused(error):
            raise
        transaction.savepoint_rollback(before)
        answer = "refused"
    else:
        answer = "found" if is_found(tmp_path) else "not found"
        if answer == "not found" and rows()[attacker, attempt] == "without effect":
            answer = "without effect"
    assert answer == rows()[attacker, attempt]


def is_found(tmp_path: Path) -> bool:
    """In the database; and where it is found there, offline too, and no checkpoint is made of what
    signatures find."""
    report = verify_database()
    path = tmp_path / "export.zip"
    export_to(path)
    assert zipfile.is_zipfile(path)
    outside = [each.said for each in AuditCheckpoint.objects.all()]
    offline = verify_export(path, Keys([public_key(settings.AUDIT_KEY)]), outside)
    assert not (report.holds and not offline.holds)
    newest = AuditCheckpoint.objects.first()
    for finding in report.findings:
        words = str(finding.sentence)
        is_of_signatures = "worth nothing" in words or "signed by no process" in words
        if newest and is_of_signatures and (finding.seq or 0) > newest.seq:
            with pytest.raises(DoesNotHold):
                checkpoint_make()
    return not report.holds
