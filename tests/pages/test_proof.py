"""The page on which the trail is verified and exported."""

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.audit.checkpoints import new_key, own_public_key, public_key
from console.audit.models import AuditCheckpoint, AuditEntry
from console.audit.services import checkpoint_make, record
from console.audit.tlog.making import tree_make
from console.web.pages import trail
from tests.support.factories import ROOT
from tests.support.tampering import run, triggers_off

PROOF, VERIFY, EXPORT = (reverse(f"audit-{name}") for name in ("proof", "verify", "export"))


@pytest.fixture
def page(browse: Callable[..., Client], auditor: User, settings: Any, tmp_path: Any) -> Client:
    settings.AUDIT_OLD_KEYS = [own_public_key()]
    settings.AUDIT_KEY = new_key()
    settings.CHECKPOINTS_TO = str(tmp_path)
    for number in range(10):
        record(ROOT, "noted", target=("thing", number, "T"))
    return browse(auditor)


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_before_the_first_checkpoint_the_page_says_what_they_are(page: Client) -> None:
    assert "No checkpoint yet" in text_of(page.get(PROOF))


def test_the_page_shows_checkpoints_and_what_is_newer(page: Client, settings: Any) -> None:
    made = checkpoint_make()
    assert made is not None
    record(ROOT, "noted", target=("thing", 11, "T"))
    shown = text_of(page.get(PROOF))
    assert made.hash[:12] in shown
    assert "1 entry since the newest" in shown
    assert public_key(settings.AUDIT_KEY) in shown


def test_the_page_shows_the_tree(page: Client, settings: Any, tmp_path: Any) -> None:
    settings.LOG_ORIGIN = "console.example/ledger"
    assert "No tree yet" in text_of(page.get(PROOF))
    checkpoint_make()
    assert tree_make()
    shown = text_of(page.get(PROOF))
    assert "console.example/ledger+" in shown
    assert f"{AuditCheckpoint.objects.latest('seq').seq} entries in the newest head" in shown
    assert "up to the newest head" in shown
    assert "it is in the tree, as its signed head says" in text_of(page.post(VERIFY))
    (tmp_path / "log" / "checkpoint").write_text("no note")
    assert "The tree is damaged" in text_of(page.get(PROOF))


def test_kept_outside_is_what_stands_there(page: Client, tmp_path: Any) -> None:
    checkpoint_make()
    assert "not yet" not in text_of(page.get(PROOF))
    (tmp_path / "checkpoints.jsonl").unlink()
    assert "not yet" in text_of(page.get(PROOF))


def test_a_long_one_has_what_it_found_of_the_tree(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_make()
    assert tree_make()
    monkeypatch.setattr(trail, "ENTRIES_A_PART", 4)
    shown = text_of(page.post(VERIFY))
    while 'hx-trigger="submit, load"' in shown:
        shown = text_of(page.post(VERIFY, {"state": state_in(shown)}))
    assert f"Up to entry {AuditCheckpoint.objects.latest('seq').seq} it is in the tree" in shown


def test_verifying_says_in_words_what_was_proved(page: Client) -> None:
    checkpoint_make()
    record(ROOT, "noted", target=("thing", 11, "T"))
    total = AuditEntry.objects.count()
    shown = text_of(page.post(VERIFY))
    assert "The trail holds." in shown
    assert f"Followed {total} entries, 1 to {total}" in shown
    assert f"Up to entry {total - 1} a signed checkpoint vouches" in shown
    assert "no checkpoint vouches yet" in shown


def state_in(shown: str) -> str:
    (state,) = re.findall(r'name="state" value="([^"]+)"', shown)
    return str(state)


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_a_long_one_goes_on_part_by_part_and_shows_how_far_it_is(
    page: Client, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_make()
    monkeypatch.setattr(trail, "ENTRIES_A_PART", 4)
    total = AuditEntry.objects.count()
    shown = text_of(page.post(VERIFY, headers=headers))
    for done in range(4, total, 4):
        assert f"{done} of {total} entries" in shown
        assert 'hx-trigger="submit, load"' in shown
        shown = text_of(page.post(VERIFY, {"state": state_in(shown)}, headers=headers))
    assert f"Followed {total} entries, 1 to {total}" in shown
    assert 'hx-trigger="submit, load"' not in shown


def test_a_state_that_somebody_made_up_begins_anew(page: Client) -> None:
    total = AuditEntry.objects.count()
    assert f"Followed {total} entries" in text_of(page.post(VERIFY, {"state": "WzEsMSwiYSIsMV0:x"}))


def test_what_was_changed_is_named(page: Client) -> None:
    checkpoint_make()
    with triggers_off():
        run("UPDATE audit_auditentry SET actor_name = 'Somebody' WHERE seq = 5")
    shown = text_of(page.post(VERIFY))
    assert "The trail does not hold." in shown
    assert "Entry 5 was changed" in shown
    assert "somebody changed the ledger past the console" in shown


def test_checkpoints_outside_that_cannot_be_read_are_said(page: Client, tmp_path: Any) -> None:
    (tmp_path / "checkpoints.jsonl").write_text("no checkpoint\n")
    assert "read" in text_of(page.post(VERIFY))
    assert "The trail holds." not in text_of(page.post(VERIFY))


def test_the_export_is_a_file_and_recorded(page: Client, auditor: User) -> None:
    last = AuditEntry.objects.count()
    answer = page.post(EXPORT)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="ledger-to-{last}.zip"'
    content = b"".join(answer)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(archive.read("entries.jsonl").splitlines()) == last
    newest = AuditEntry.objects.latest("seq")
    assert (newest.action, newest.actor_ref) == ("audit.exported", f"user:{auditor.pk}")


def test_without_a_key_the_page_says_what_that_means(page: Client, settings: Any) -> None:
    settings.AUDIT_OLD_KEYS = [own_public_key(), *settings.AUDIT_OLD_KEYS]
    settings.AUDIT_KEY = ""
    assert "manage.py audit_key" in text_of(page.get(PROOF))
    assert "The trail holds." in text_of(page.post(VERIFY))
    answer = page.post(EXPORT)
    assert answer.status_code == 503
    assert "CONSOLE_AUDIT_KEY is not set" in answer.content.decode()


def test_of_a_long_entry_the_trail_shows_the_beginning(page: Client) -> None:
    deliveries = [{"id": number, "interaction": f"chat{number}"} for number in range(500)]
    record(ROOT, "deliveries.delivered", target=("send", 1, "s"), data={"deliveries": deliveries})
    shown = text_of(page.get(reverse("audit")))
    assert "chat0" in shown
    assert "chat499" not in shown
    assert "characters more" in shown
