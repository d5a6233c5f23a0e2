"""The tree grows with the ledger, in pieces, and never beside what was signed."""

from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from console.audit.checkpoints import new_key
from console.audit.models import AuditCheckpoint, AuditEntry
from console.audit.services import checkpoint_make, record
from console.audit.tlog import leaves, merkle, tree
from console.audit.tlog.growing import tree_grow
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY, settings.AUDIT_OLD_KEYS = new_key(), []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")
    settings.LOG_ORIGIN, settings.LOG_TO = "console.example/ledger", ""


def write(number: int, **data: Any) -> None:
    with transaction.atomic():
        for each in range(number):
            record(ROOT, "noted", target=("thing", each, f"thing {each}"), data={"n": each, **data})


def test_the_tree_takes_all_entries_up_to_the_checkpoint() -> None:
    write(600)
    checkpoint_make()
    write(3)
    head = tree_grow()
    assert head is not None
    assert head.size == AuditCheckpoint.objects.latest("seq").seq
    assert tree_grow() is None
    said = tree.head_said(head)
    entries = list(AuditEntry.objects.filter(seq__lte=head.size).order_by("seq"))
    hashes = [
        merkle.leaf_hash(leaves.salted(tree.salt_of(entry.seq), tree.leaf_bytes(entry)))
        for entry in entries
    ]
    assert merkle.root_of(hashes) == said.root
    for seq in (1, 256, 257, 512, 513, 600):
        proof = tree.inclusion_proof(seq, said.size)
        assert merkle.verify_inclusion(hashes[seq - 1], seq - 1, said.size, proof, said.root)
