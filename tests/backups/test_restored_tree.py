"""After a restore the tree of the ledger goes on under another name, and nothing contradicts what
was signed under the old one."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from console.audit.checkpoints import new_key
from console.audit.models import AuditEntry
from console.audit.tlog import tree
from console.audit.tlog.standing import TreeRefused
from console.audit.verification import verify_database
from console.backups.services import database_settle
from tests.audit.tlog.world import naive_hashes, naive_root, sign, undone, write
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db
ORIGIN = "console.example/ledger"


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY, settings.AUDIT_OLD_KEYS = new_key(), []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")
    settings.LOG_ORIGIN, settings.LOG_TO = ORIGIN, ""


@pytest.fixture
def lost(tmp_path: Path) -> str:
    """The published head that has more entries than the database. Its 300 first are there."""
    write(300)
    sign()
    with undone():
        write(30)
        sign()
    return (tmp_path / "outside/log/checkpoint").read_text("utf-8")


def restored(*options: str) -> str:
    out = StringIO()
    call_command("restored", *options, stdout=out)
    return out.getvalue()


def test_the_tree_goes_on_under_another_name(lost: str, tmp_path: Path) -> None:
    write(1)
    with pytest.raises(TreeRefused, match="older than what was done"):
        sign()
    said = restored()
    log = tree.current_log()
    assert log is not None
    assert log.origin.startswith(f"{ORIGIN}/")
    assert f"is called {log.origin} from now on" in said
    entry = AuditEntry.objects.get(action="database.restored")
    assert entry.data["log"] == {"before": ORIGIN, "now": log.origin}
    (aside,) = (tmp_path / "outside/log").glob("before-*")
    assert str(aside) in said
    assert (aside / "checkpoint").read_text("utf-8") == lost
    head = tree.newest_head()
    assert head is not None
    assert (head.origin, head.size) == (log.origin, AuditEntry.objects.latest("seq").seq)
    assert (tmp_path / "outside/log/checkpoint").read_text("utf-8") == head.note
    assert bytes(head.root) == naive_root(naive_hashes(head.size))
    assert verify_database().holds
    # What was published before has the same first entries, and others after these.
    before, now = (
        (place / "tile/0/001.p").glob("*") for place in (aside, tmp_path / "outside/log")
    )
    leaves = [max(found, key=lambda path: int(path.name)).read_bytes() for found in (before, now)]
    assert leaves[0][: 44 * 32] == leaves[1][: 44 * 32]
    assert leaves[0][44 * 32 :][:32] != leaves[1][44 * 32 :][:32]


def test_a_worker_does_not_start_beside_a_newer_published_head(
    lost: str, tmp_path: Path, settings: Any
) -> None:
    (tmp_path / "outside/checkpoints.jsonl").unlink()
    assert lost
    with pytest.raises(CommandError, match="published tree of the ledger has 330 entries"):
        call_command("worker")


def test_where_nothing_was_lost_the_name_stays(tmp_path: Path) -> None:
    write(300)
    sign()
    settled = database_settle(ROOT, nothing_sent_since=True)
    assert (settled.log, settled.tree_aside) == (None, None)
    sign()
    head = tree.newest_head()
    assert head is not None
    assert head.origin == ORIGIN
    assert not list((tmp_path / "outside/log").glob("before-*"))


def test_a_second_restore_makes_a_third_name(lost: str, tmp_path: Path) -> None:
    assert lost
    names = {ORIGIN}
    for _number in range(2):
        restored()
        log = tree.current_log()
        assert log is not None
        names.add(log.origin)
        for path in (tmp_path / "outside/log").glob("before-*"):
            path.rename(tmp_path / f"kept-{len(names)}")
    assert len(names) == 3
    data = [entry.data for entry in AuditEntry.objects.filter(action="database.restored")]
    assert len({json.dumps(each["log"]) for each in data}) == 2
    assert verify_database().holds
