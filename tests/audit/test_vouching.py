"""The console vouches for nothing that no process signed, whatever the application's role puts
beside the entries: checkpoints that nobody signed, leaves that are of no entry. And who has stolen
a process's key signs by that key alone."""

from pathlib import Path
from typing import Any

import pytest

from console.audit.checkpoints import new_key
from console.audit.models import AuditCheckpoint
from console.audit.services import DoesNotHold, checkpoint_make
from console.audit.tlog.growing import tree_grow
from console.audit.tlog.publishing import tree_publish
from console.audit.verification import verify_database
from tests.audit.test_signatures import chained, write
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
