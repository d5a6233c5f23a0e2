"""Backups, and coming back from one: nothing is sent twice, and nothing is lost without a word."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone

from console.accounts.models import User
from console.audit.checkpoints import FILE, new_key, put_outside, signed
from console.audit.models import AuditEntry
from console.audit.services import checkpoint_make
from console.audit.state.running import compare_all
from console.audit.verification import verify_database
from console.backups.services import backup_make
from console.interactions.models import ChatServer
from console.sends.control.pausing import send_pause
from console.sends.control.retry import send_retry_unknown
from console.sends.control.stop_switch import sending_restart, sending_stop
from console.sends.models import Delivery, Outbox, Send, SendingStop
from console.sends.tasks import sweep_now
from console.webhooks.models import Message, Webhook
from console.webhooks.services import carrying_begin, webhook_delete, webhook_test
from tests.sends.conftest import chats, send_to  # noqa: F401 - fixtures
from tests.support.elsewhere import another_database
from tests.support.entries import without_rows
from tests.support.factories import ROOT, make_public_webhook
from tests.support.working import assert_ledger_agrees, drain, leased_step, statuses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY = new_key()
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")


def command(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def backup(folder: Path) -> Path:
    return Path(command("backup", str(folder / "backups")).strip())


def restored(made: Path, *options: str) -> str:
    return command("restore", str(made), *options)


def sent(simulator: Any) -> Counter[str]:
    """How often each chat got something."""
    return Counter(entry["interaction_id"] for entry in simulator.journalled())


@pytest.fixture
def open_sends(simulator, chats, send_to, supervisor, settings) -> dict[str, Send]:  # noqa: F811
    """One that is over, and one in each state in which something is open; two deliveries each."""
    ids = chats(14)
    made = {"over": send_to(ids[0:2])}
    drain()
    made["on_the_wire"] = send_to(ids[2:4])
    assert len(leased_step(ChatServer.objects.get(), claim=uuid4(), room=2).claimed) == 2
    made["waiting"] = send_to(ids[4:6])
    made["holding"] = send_to(ids[6:8], undo_seconds=60)
    tomorrow = timezone.now() + timedelta(days=1)
    made["scheduled"] = send_to(ids[8:10], scheduled_at=tomorrow)
    made["paused"] = send_to(ids[10:12])
    send_pause(supervisor.to_actor(), made["paused"])
    settings.APPROVAL_ABOVE = 1
    made["awaiting"] = send_to(ids[12:14])
    settings.APPROVAL_ABOVE = 0
    return made


def test_nothing_is_sent_twice(
    open_sends: dict[str, Send], simulator: Any, supervisor: User, tmp_path: Path
) -> None:
    Session.objects.create(session_key="k", session_data="", expire_date=timezone.now())
    checkpoint_make()
    made = backup(tmp_path)
    drain()  # after the backup: two are recovered as unknown, two go out
    checkpoint_make()
    before = sent(simulator)
    assert sum(before.values()) == 4
    with another_database():
        said = restored(made)
        assert "12 deliveries were open and are unknown now" in said
        assert "Lost: entries of the ledger up to" in said
        assert "All sending is stopped." in said
        assert f"send {open_sends['waiting'].pk}: 2 unknown" in said
        assert statuses() == {"delivered": 2, "unknown": 12}
        assert set(Delivery.objects.filter(status="unknown").values_list("reason", flat=True)) == {
            "restored"
        }
        assert not Outbox.objects.exists()
        assert_ledger_agrees()
        assert verify_database().holds
        assert [str(each.sentence) for each in compare_all().named] == []
        assert not Session.objects.exists()
        entry = AuditEntry.objects.filter(action="database.restored").get()
        assert entry.data["unknown"] == 12
        assert entry.data["lost_to_at_least"]["seq"] > entry.data["ledger_of_backup"]["seq"]
        # A worker, and an administrator who lets sending go on, bring nothing out.
        sending_restart(ROOT)
        sweep_now()
        drain()
        assert sent(simulator) == before
        # A person decides.
        waiting = Send.objects.get(pk=open_sends["waiting"].pk)
        assert (waiting.status, waiting.ended_by_name) == ("cancelled", ROOT_NAME)
        send_retry_unknown(supervisor.to_actor(), waiting, may_show_twice=True)
        drain()
        assert sent(simulator) - before == Counter(["c0004", "c0005"])
        assert compare_all().holds


ROOT_NAME = "Notice Console (command line)"


def test_what_takes_long_tells_how_far_it_is(
    open_sends: dict[str, Send], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is done in parts is done as a whole."""
    monkeypatch.setattr("console.backups.progress.EVERY_SECONDS", 0.01)
    monkeypatch.setattr("console.sends.control.restored.BATCH", 3)
    monkeypatch.setattr("console.audit.rollback.AT_ONCE", 1)
    monkeypatch.setattr("console.audit.verification.ENTRIES_A_PART", 5)
    for sign in (checkpoint_make, checkpoint_make):
        sign()
        webhook_delete(ROOT, make_public_webhook())
    told = StringIO()
    call_command("backup", str(tmp_path / "backups"), stdout=(out := StringIO()), stderr=told)
    assert "MB written" in told.getvalue()
    checkpoint_make()
    drain()
    checkpoint_make()
    with another_database():
        call_command("restore", out.getvalue().strip(), stdout=StringIO(), stderr=told)
        assert statuses() == {"delivered": 2, "unknown": 12}
        assert not Outbox.objects.exists()
        assert verify_database().holds
        assert open_sends["waiting"].pk
    assert "MB of SQL carried out" in told.getvalue()
    assert "entries verified" in told.getvalue()
    aside = list((tmp_path / "outside").glob("checkpoints-before-*"))
    assert len(aside) == 1
    kept = (tmp_path / "outside" / FILE).read_text().splitlines()
    assert 0 < len(kept) < len(aside[0].read_text().splitlines()) + 2


def test_what_waited_goes_on_where_nothing_was_sent_since(
    open_sends: dict[str, Send], simulator: Any, tmp_path: Path
) -> None:
    made = backup(tmp_path)
    with another_database():
        said = restored(made, "--nothing-sent-since")
        assert "2 deliveries were open and are unknown now" in said
        assert statuses() == {"delivered": 2, "unknown": 2, "pending": 10}
        sweep_now()
        drain()
        assert sum(sent(simulator).values()) == 2, "it is stopped"
        sending_restart(ROOT)
        drain()
        assert statuses(open_sends["waiting"]) == {"delivered": 2}
        states = dict(Send.objects.values_list("pk", "status"))
        assert states[open_sends["scheduled"].pk] == "scheduled"
        assert states[open_sends["paused"].pk] == "paused"
        assert set(sent(simulator).values()) == {1}
        assert verify_database().holds


def test_who_vouches_wrongly_is_told(
    open_sends: dict[str, Send], settings: Any, tmp_path: Path
) -> None:
    made = backup(tmp_path)
    sending_stop(ROOT, reason="Something happened after the backup.")
    checkpoint_make()
    with another_database():
        with pytest.raises(CommandError, match="the console went on working"):
            restored(made, "--nothing-sent-since")
        # It is stopped from the moment in which the tables came, and no worker starts.
        assert SendingStop.objects.get().actor_name == "Restore"
        assert Outbox.objects.count() == 12
        with pytest.raises(CommandError, match="This database is older than what was done"):
            command("worker")
        assert "12 deliveries were open" in command("restored")
        # The evidence of what was lost is kept, and from here on the ledger holds.
        (aside,) = Path(settings.CHECKPOINTS_TO).glob("checkpoints-before-*.jsonl")
        assert aside.read_text().count("\n") > 0
        assert verify_database().holds
        with pytest.raises(CommandError, match="is not empty: it has"):
            restored(made)


def test_webhooks_wait_for_a_person(tmp_path: Path) -> None:
    """Where they lead, by which secret, and what waits for them may all be of the past."""
    webhook = make_public_webhook()
    waiting = webhook_test(ROOT, webhook)
    made = backup(tmp_path)
    webhook_delete(ROOT, webhook)
    with another_database():
        assert "1 webhooks were on and are off now" in restored(made)
        assert not Webhook.objects.get().enabled
        assert carrying_begin() is None
        assert Message.objects.get().key == waiting.key
        entry = AuditEntry.objects.filter(action="webhook.changed").get()
        assert without_rows(entry) == {"enabled": {"from": True, "to": False}}
        assert verify_database().holds


def test_webhooks_go_on_where_nothing_was_sent_since(tmp_path: Path) -> None:
    make_public_webhook()
    made = backup(tmp_path)
    with another_database():
        assert "webhooks" not in restored(made, "--nothing-sent-since")
        assert Webhook.objects.get().enabled


# --- What is not restored -------------------------------------------------------------------------


@pytest.fixture
def made(chats: Callable[[int], list[str]], send_to: Any, tmp_path: Path) -> Path:  # noqa: F811
    return backup_make(ROOT, tmp_path / "backups")


def test_a_backup_that_was_changed_is_refused(made: Path, settings: Any) -> None:
    dump = made / "database.dump"
    whole = dump.read_bytes()
    with another_database():
        dump.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(CommandError, match="is not what was backed up"):
            restored(made)
        dump.write_bytes(whole)
        manifest = made / "manifest.json"
        said = manifest.read_text()
        manifest.write_text(said.replace('"deliveries": 0', '"deliveries": 7'))
        with pytest.raises(CommandError, match="does not fit what it says"):
            restored(made)
        manifest.write_text(said)
        settings.AUDIT_KEY = new_key()
        with pytest.raises(CommandError, match="not among those trusted"):
            restored(made)
        with pytest.raises(CommandError, match="is no whole backup"):
            restored(made.parent)


def test_a_dump_that_ends_early_leaves_nothing_behind(made: Path) -> None:
    import json

    from django.db import connection

    from console.backups.programs import ProgramFailed
    from console.backups.services import TABLES, database_fill

    said = json.loads((made / "manifest.json").read_text())
    dump = made / "database.dump"
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size * 9 // 10])
    with another_database():
        with pytest.raises(ProgramFailed, match="pg_restore failed"):
            database_fill(made, said)
        with connection.cursor() as cursor:
            cursor.execute(TABLES)
            assert cursor.fetchall() == [(0,)]


def test_a_backup_of_a_newer_version_is_refused(made: Path, settings: Any) -> None:
    import json

    settings.AUDIT_KEY = ""
    manifest = made / "manifest.json"
    said = json.loads(manifest.read_text())
    for name in ("signature", "key_id"):
        del said[name]
    said["migrations"].append("sends.9999_of_the_future")
    manifest.write_text(json.dumps(said))
    with pytest.raises(CommandError, match=r"lacks \(sends.9999_of_the_future\)"):
        restored(made)


def test_programs_of_another_version_are_refused(tmp_path: Path, settings: Any) -> None:
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    program.chmod(0o755)
    settings.PG_BIN = tmp_path
    with pytest.raises(CommandError, match=r"of PostgreSQL 9, and the server of 1\d"):
        backup(tmp_path)
    program.unlink()
    with pytest.raises(CommandError, match="pg_dump is not in"):
        backup(tmp_path)
    assert not (tmp_path / "backups").exists()


# --- Beside it -----------------------------------------------------------------------------------


def test_a_backup_is_for_few_and_old_ones_go(made: Path) -> None:
    assert oct(made.stat().st_mode)[-3:] == "700"
    assert {path.name for path in made.iterdir()} == {"database.dump", "manifest.json"}
    assert AuditEntry.objects.filter(action="database.backed_up").count() == 1
    old = made.rename(made.with_name("console-20200101T000000Z"))
    other = made.with_name("notes")
    other.mkdir()
    newest = Path(command("backup", str(made.parent), "--keep", "1").strip())
    assert set(made.parent.iterdir()) == {newest, other}
    assert not old.exists()
    with pytest.raises(CommandError, match="write 1 or more"):
        command("backup", str(made.parent), "--keep", "0")


def test_only_a_checkpoint_that_was_really_signed_stops_a_worker(
    settings: Any, tmp_path: Path
) -> None:
    from console.audit.rollback import lost_checkpoint

    outside = tmp_path / "outside" / FILE
    assert lost_checkpoint() is None
    forged = {"seq": 10**12, "hash": "0" * 64, "at": "now", "key_id": "x", "signature": "y"}
    put_outside(forged)
    with outside.open("ab") as file:
        file.write(b'{"half a li')
    assert lost_checkpoint() is None
    with outside.open("ab") as file:
        file.write(b"\n")
    put_outside(signed("checkpoint", {"seq": 10**12, "hash": "0" * 64, "at": "now"}))
    found = lost_checkpoint()
    assert found is not None
    assert found["seq"] == 10**12
    settings.CHECKPOINTS_TO = "https://checkpoints.example"
    assert lost_checkpoint() is None
