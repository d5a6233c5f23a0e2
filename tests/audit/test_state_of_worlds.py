"""The state agrees with the ledger in worlds as sites have them: many sends, packed, erased, with
archives, imported, restored, and older than the entries that tell whole rows."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from console.accounts.models import User
from console.accounts.services import user_update
from console.audit.models import AuditEntry
from console.audit.state import things
from console.audit.state.running import Progress, compare_all, rows_begin
from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.transfer import catalogue_export_record, importing
from console.demo.seeding import seed
from console.esp.simulator.server import Simulator
from console.interactions.models import Interaction
from console.sends.control.erasure import interaction_erase
from console.sends.control.retention import texts_expire
from console.sends.engine.record import sends_finish
from console.sends.history.filling import history_fill
from console.sends.history.resting import deliveries_rest
from console.sends.models import Delivery, Send
from console.sends.proof import state
from tests.audit.small_world import World
from tests.support.factories import ROOT, make_interaction, make_notice, make_send
from tests.support.tampering import run, triggers_off
from tests.support.working import drain, statuses

SENDS = 200


def said(progress: Progress) -> list[str]:
    return [str(each.sentence) for each in progress.named]


@pytest.fixture
def many_sends(simulator: Simulator, supervisor: User) -> list[Send]:
    """Delivered by a drain, to two chats each."""
    chats = [make_interaction(f"c{number}").pk for number in range(2 * SENDS)]
    make_notice("hello", "Hello {{ data.FirstName }}")
    sends = [
        make_send(supervisor, "hello", chats[2 * number : 2 * number + 2], undo_seconds=0)
        for number in range(SENDS)
    ]
    drain()
    assert statuses() == {"delivered": 2 * SENDS}
    sends_finish()
    return sends


@pytest.mark.django_db(transaction=True)
def test_many_sends_packed_and_erased(many_sends: list[Send], settings: Any) -> None:
    settings.TEXT_RETENTION_DAYS = 1
    found = compare_all()
    assert said(found) == []
    assert found.compared > 3 * SENDS
    later = timezone.now() + timedelta(days=2)
    Interaction.objects.update(ended_at=timezone.now())
    while history_fill():
        pass
    rested = 0
    while moved := deliveries_rest(now=later):
        rested += moved
    assert rested == SENDS
    chat = many_sends[0].target["interactions"][0]
    interaction_erase(ROOT, interaction_id=chat)
    assert said(compare_all()) == []
    while texts_expire(now=later):
        pass
    found = compare_all()
    assert said(found) == []
    assert found.unproved["erased:deliveries"] == 2 * SENDS
    # Nothing of it hides a change.
    (one,) = Delivery.objects.order_by("-pk")[:1]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE sends_delivery_at_rest DISABLE TRIGGER ALL")
        cursor.execute(
            "UPDATE sends_delivery_at_rest SET status = 'failed' WHERE id = %s", [one.pk]
        )
        cursor.execute("ALTER TABLE sends_delivery_at_rest ENABLE TRIGGER ALL")
    (sentence,) = said(compare_all())
    assert sentence.startswith(f"delivery {one.pk} of send {one.send_id}: status is failed")


@pytest.mark.django_db
def test_a_seeded_demo() -> None:
    seed()
    found = compare_all()
    assert said(found) == []
    assert found.compared > 30


@pytest.mark.django_db
@pytest.mark.parametrize("restore", [False, True])
def test_an_imported_catalogue(restore: bool) -> None:
    seed()
    content, _rows = catalogue_export_record.catalogue_export(ROOT, file_name="all.json")
    others = CannedNotice.objects.filter(shortcut="", versions__status="published")
    key = others.order_by("pk").values_list("key", flat=True)[0].encode()
    changed = content.replace(key, b"another-key")
    bring = importing.catalogue_restore if restore else importing.catalogue_import
    before = NoticeVersion.objects.count()
    bring(ROOT, file_name="all.json", content=changed)
    assert NoticeVersion.objects.count() > before
    assert said(compare_all()) == []


# --- Parts ---------------------------------------------------------------------------------------


@pytest.fixture
def tiny_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(things, "AT_ONCE", 1)
    monkeypatch.setattr(state, "SENDS_A_PART", 1)
    monkeypatch.setattr(state, "ENTRIES_A_PART", 1)


@pytest.mark.django_db
def test_parts_of_any_size_find_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    world.over("delivered")
    world.over("failed")
    User.objects.all().update(email="m@example.org")
    run("UPDATE sends_sendoutcome SET number = 7")
    whole = compare_all()
    assert whole.differences == 4
    request.getfixturevalue("tiny_parts")
    parts: list[Progress] = []
    small = compare_all(told_of=parts.append)
    assert len(parts) > 20
    assert (sorted(said(small)), small.compared) == (sorted(said(whole)), whole.compared)


@pytest.mark.django_db
def test_it_goes_on_from_where_it_was(world: World, tiny_parts: None) -> None:
    world.over("delivered")
    run("UPDATE sends_sendoutcome SET number = 7")
    progress, steps = Progress(), 0
    while not progress.go_on():
        progress = Progress.read(progress.plain())
        steps += 1
    assert steps > 20
    assert said(progress) == said(compare_all())
    assert progress.differences == 1


# --- Older ledgers -------------------------------------------------------------------------------


@pytest.fixture
def older_ledger(world: World) -> World:
    world.with_older_entries()
    return world


@pytest.mark.django_db
def test_what_older_entries_do_not_tell_is_not_proved(older_ledger: World) -> None:
    found = compare_all()
    assert found.holds
    assert found.unproved["older:person"] == User.objects.count()
    newest = AuditEntry.objects.latest("seq").seq
    assert any(f"from before entry {newest + 1}" in each for each in found.sentences)


@pytest.mark.django_db
def test_from_the_first_entry_on_that_tells_rows_they_are_compared(older_ledger: World) -> None:
    user_update(ROOT, older_ledger.person, last_name="Storm")
    first = AuditEntry.objects.latest("seq").seq
    found = compare_all()
    assert found.holds
    assert found.unproved["older:person"] == User.objects.count() - 1
    assert any(f"from before entry {first}" in each for each in found.sentences)
    # What is put in now has no older entries to hide behind.
    User.objects.create(username="mallory", roles=["administrator"])
    run("UPDATE accounts_user SET roles = '{administrator}' WHERE username = 'sue'")
    text = "\n".join(said(compare_all()))
    assert "(mallory) stands in the database, and no entry tells of it" in text
    assert "(sue): roles is" in text
    assert compare_all().differences == 2


@pytest.mark.django_db
def test_a_version_put_into_an_old_notice_is_found(older_ledger: World) -> None:
    user_update(ROOT, older_ledger.person, last_name="Storm")
    version = NoticeVersion.objects.get()
    run(
        "INSERT INTO catalogue_noticeversion (notice_id, number, status, default_locale, bodies, "
        "fields, snippets, message_type, nickname, visibility, change_note, author_ref, "
        "author_name, created_at, reviewer_ref, reviewer_name, reject_reason) "
        "VALUES (%s, 2, 'draft', 'en', '{}', '[]', '{}', '', '', 'ALL', '', 'user:7', 'Max', "
        "now(), '', '', '')",
        version.notice_id,
    )
    (sentence,) = said(compare_all())
    assert "v2) stands in the database, and no entry tells of it" in sentence


@pytest.mark.django_db
def test_an_operator_lets_the_ledger_tell_them(older_ledger: World) -> None:
    User.objects.create(username="mallory", roles=["administrator"])
    number = rows_begin(ROOT)
    assert number > 3
    found = compare_all()
    # What no entry tells of does not become history by it.
    (sentence,) = said(found)
    assert "(mallory)" in sentence
    assert found.unproved == {}
    assert rows_begin(ROOT) == 0


# --- Archives ------------------------------------------------------------------------------------


@pytest.fixture
def archived(world: World) -> World:
    world.archiving()()
    return world


@pytest.mark.django_db
def test_what_is_archived_is_told_again(archived: World) -> None:
    assert AuditEntry.objects.filter(action="audit.rows_carried").exists()
    draft = NoticeVersion.objects.get(notice__key="draft")
    found = compare_all()
    assert said(found) == []
    run("""UPDATE catalogue_noticeversion SET bodies = '{"en": "x"}' WHERE id = %s""", draft.pk)
    (sentence,) = said(compare_all())
    carried = AuditEntry.objects.get(action="audit.rows_carried").seq
    assert "bodies (en) is" in sentence
    assert f"and entry {carried} says" in sentence


@pytest.mark.django_db
def test_sends_of_archived_entries_are_not_proved(world: World) -> None:
    old, young = world.over("delivered"), world.over("failed")
    first = AuditEntry.objects.filter(target_kind="send", target_ref=str(young.pk)).earliest("seq")
    archive_before(first.seq)
    found = compare_all()
    assert said(found) == []
    assert found.unproved["archived:send"] == 1
    assert old.pk < young.pk


def archive_before(seq: int) -> None:
    """As if a seal covered the entries before this one."""
    with triggers_off():
        run(
            "INSERT INTO audit_auditseal (last, first, before, hash, file, sha256, at, key_id, "
            "signature) VALUES (%s, 1, '', '', 'ledger.zip', '', '', '', '')",
            seq - 1,
        )
        run("DELETE FROM audit_auditentry WHERE seq < %s", seq)
