"""What somebody changes past the console is named: by SQL with the application's role, or by the
owner of the tables with the triggers off."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from console.audit.actions import Action
from console.audit.chain import entry_hash
from console.audit.export import as_hashed
from console.audit.models import AuditEntry
from console.audit.services import checkpoint_make
from console.audit.state.kinds import told
from console.audit.state.running import Progress, compare_all
from console.audit.verification import verify_database
from console.catalogue.models import NoticeVersion
from console.catalogue.told import VERSION
from console.interactions.models import ChatServer
from console.sends.control import stop_switch
from console.sends.control.approval import send_approve
from console.sends.control.holding import chat_server_hold
from console.sends.evidence.people import delivery_witness
from tests.audit.small_world import World

pytestmark = pytest.mark.django_db

Way = Callable[[World], None]


def by_application(*statements: str, **values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone()[0] == "console"
        for statement in statements:
            cursor.execute(statement, values)


def by_owner(table: str, statement: str, **values: Any) -> None:
    """With all triggers of the table off, as only its owner can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("RESET ROLE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        cursor.execute(statement, values)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
        cursor.execute("SET ROLE console")


DRAFT = """
INSERT INTO catalogue_noticeversion (notice_id, number, status, default_locale, bodies, fields,
    snippets, message_type, nickname, visibility, change_note, author_ref, author_name, created_at,
    reviewer_ref, reviewer_name, reject_reason)
SELECT notice_id, number + 1, 'draft', 'en', '{"en": "Call 0900 4711 now."}', '[]', '{}', '', '',
    'ALL', '', 'user:7', 'Max', now(), '', '', ''
FROM catalogue_noticeversion WHERE id = %(version)s
"""
SUBMIT = """
UPDATE catalogue_noticeversion SET status = 'in_review', submitted_at = now()
WHERE author_ref = 'user:7'
"""
GIVE_WAY = "UPDATE catalogue_noticeversion SET status = 'superseded' WHERE id = %(version)s"
PUBLISH = """
UPDATE catalogue_noticeversion SET status = 'published', reviewer_ref = %(reviewer)s,
    reviewer_name = 'Anna', reviewed_at = now()
WHERE author_ref = 'user:7'
"""


def forge_version(world: World) -> None:
    version = world.make_notice("Hello", key="hello")
    by_application(
        DRAFT, SUBMIT, GIVE_WAY, PUBLISH, version=version.pk, reviewer=world.approver.ref
    )


def forge_entries(world: World, **rows: Any) -> None:
    """Three chained entries tell of the forged version, and nobody has signed them."""
    steps = [
        ("user:7", "Max", Action.VERSION_CREATED),
        ("user:7", "Max", Action.VERSION_SUBMITTED),
        (world.approver.ref, world.approver.name, Action.VERSION_APPROVED),
    ]
    for ref, name, action in steps:
        newest = AuditEntry.objects.latest("seq")
        entry = AuditEntry(
            seq=newest.seq + 1,
            at=timezone.now(),
            actor_ref=ref,
            actor_name=name,
            action=action,
            target_kind="version",
            target_ref="hello/2",
            target_name="Hello",
            data={"bodies": {"en": "Call 0900 4711 now."}, "status": "published", **rows},
            prev_hash=newest.hash,
        )
        entry.hash = entry_hash(as_hashed(entry))
        entry.save(force_insert=True)


def forge_version_and_entries(world: World) -> None:
    """As all entries did before they told rows."""
    forge_version(world)
    forge_entries(world)


def change_published_text(world: World) -> None:
    version = world.make_notice("Hello", key="hello")
    by_owner(
        "catalogue_noticeversion",
        """UPDATE catalogue_noticeversion SET bodies = '{"en": "Bye"}' WHERE id = %(pk)s""",
        pk=version.pk,
    )


def change_sent_text_of_version(world: World) -> None:
    send = world.over("delivered")
    by_owner(
        "catalogue_noticeversion",
        """UPDATE catalogue_noticeversion SET bodies = '{"en": "Bye"}' WHERE id = %(pk)s""",
        pk=send.version_id,
    )


def another_reviewer(world: World) -> None:
    version = world.make_notice("Hello", key="hello")
    by_owner(
        "catalogue_noticeversion",
        "UPDATE catalogue_noticeversion SET reviewer_name = 'Anna' WHERE id = %(pk)s",
        pk=version.pk,
    )


def delete_version(world: World) -> None:
    draft = world.draft()
    by_owner(
        "catalogue_noticeversion",
        "DELETE FROM catalogue_noticeversion WHERE id = %(pk)s",
        pk=draft.pk,
    )


def on_person(statement: str) -> Way:
    return lambda world: by_application(statement, pk=world.person.pk)


def insert_person(world: World) -> None:
    by_application(
        """
        INSERT INTO accounts_user (password, is_superuser, username, first_name, last_name, email,
            is_staff, is_active, date_joined, roles, must_change_password, session_stamp)
        VALUES ('x', false, 'mallory', '', '', '', false, true, now(), '{administrator}', false, '')
        """
    )


def insert_team_member(world: World) -> None:
    team = world.team()
    by_application(
        "INSERT INTO accounts_user_teams (user_id, team_id) VALUES (%(user)s, %(team)s)",
        user=world.person.pk,
        team=team.pk,
    )


def on_client(statement: str) -> Way:
    return lambda world: by_application(statement, pk=world.client().pk)


def remove_second_factor(world: World) -> None:
    world.with_second_factor()
    by_application("DELETE FROM mfa_authenticator WHERE user_id = %(pk)s", pk=world.person.pk)


def on_server(statement: str) -> Way:
    return lambda world: by_application(statement, pk=world.server.pk)


def release_held(world: World) -> None:
    chat_server_hold(world.root, world.server, "New certificates")
    by_application(
        "UPDATE interactions_chatserver SET held_at = NULL, held_by = '', held_reason = '' "
        "WHERE id = %(pk)s",
        pk=world.server.pk,
    )


def insert_server(world: World) -> None:
    copy = ChatServer.objects.get(pk=world.server.pk)
    copy.pk, copy.name = None, "chat-evil"
    copy.save(force_insert=True)


def let_sending_go_on(world: World) -> None:
    stop_switch.sending_stop(world.root, reason="A rehearsal")
    by_application("DELETE FROM sends_sendingstop")


def redirect_webhook(world: World) -> None:
    webhook = world.webhook()
    by_application(
        "UPDATE webhooks_webhook SET url = 'https://1.1.1.2/' WHERE id = %(pk)s", pk=webhook.pk
    )


def insert_stand_in(world: World) -> None:
    other = world.another_approver()
    by_application(
        "INSERT INTO notifications_standin (person_id, stand_in_id, begins_at, ends_at) "
        "VALUES (%(person)s, %(other)s, now(), now() + interval '1 day')",
        person=world.person.pk,
        other=other.pk,
    )


def change_preset(world: World) -> None:
    by_owner(
        "catalogue_visibilitypreset",
        "UPDATE catalogue_visibilitypreset SET visibility = 'ALL' WHERE name = 'Staff only'",
    )


def rename_notice(world: World) -> None:
    notice = world.make_notice("Hello", key="hello").notice
    by_application(
        "UPDATE catalogue_cannednotice SET title = 'Bye' WHERE id = %(pk)s", pk=notice.pk
    )


def change_playbook(world: World) -> None:
    version = world.playbook_submitted()
    by_owner(
        "incidents_playbookversion",
        "UPDATE incidents_playbookversion SET stages = '[]' WHERE id = %(pk)s",
        pk=version.pk,
    )


def confirm_emergency(world: World) -> None:
    incident = world.emergency()
    by_application(
        "UPDATE incidents_incident SET confirmed_by_ref = 'user:7', confirmed_by_name = 'Max', "
        "confirmed_at = now() WHERE id = %(pk)s",
        pk=incident.pk,
    )


def on_delivery(status: str, change: str) -> Way:
    def attack(world: World) -> None:
        send = world.over(status)
        by_owner("sends_delivery", f"{change} WHERE send_id = %(pk)s", pk=send.pk)

    return attack


def insert_delivery(world: World) -> None:
    send = world.over("delivered")
    by_owner(
        "sends_delivery",
        """
        INSERT INTO sends_delivery (send_id, interaction_id, customer_name, locale, body, body_salt,
            method, chat_server_name, status, reason, detail, attempts, created_at, finished_at,
            fault_code, fault_text)
        SELECT send_id, 'nobody', '', locale, body, body_salt, method, chat_server_name, status,
            reason, detail, attempts, created_at, finished_at, '', ''
        FROM sends_delivery WHERE send_id = %(pk)s
        """,
        pk=send.pk,
    )


def set_approver(world: World) -> None:
    send = world.send()
    by_owner(
        "sends_send",
        "UPDATE sends_send SET approved_by_ref = 'user:7', approved_by_name = 'Max' "
        "WHERE id = %(pk)s",
        pk=send.pk,
    )


def another_approver(world: World) -> None:
    send = send_approve(world.approver, world.large_send())
    by_owner(
        "sends_send",
        "UPDATE sends_send SET approved_by_ref = 'user:7', approved_by_name = 'Max' "
        "WHERE id = %(pk)s",
        pk=send.pk,
    )


def approve_by_sql(world: World) -> None:
    send = world.large_send()
    by_application(
        "UPDATE sends_send SET status = 'running', approved_by_ref = %(ref)s, "
        "approved_by_name = 'Anna', approved_at = now() WHERE id = %(pk)s",
        pk=send.pk,
        ref=world.approver.ref,
    )


def cancel_by_sql(world: World) -> None:
    send = world.send()
    by_application(
        "UPDATE sends_send SET status = 'cancelled', finished_at = now(), ended_by_name = 'Sue' "
        "WHERE id = %(pk)s",
        pk=send.pk,
    )


def another_reason(world: World) -> None:
    send = world.send(why="An outage")
    by_owner("sends_send", "UPDATE sends_send SET why = 'By order' WHERE id = %(pk)s", pk=send.pk)


def insert_send(world: World) -> None:
    send = world.send()
    by_application(
        """
        INSERT INTO sends_send (actor_ref, actor_name, version_id, visibility, nickname, target,
            fields, why, status, created_at, time_zone, release_at, target_count, ready_count,
            idempotency_key, request_digest, approved_by_ref, approved_by_name, ended_by_name,
            end_note)
        SELECT actor_ref, actor_name, version_id, visibility, nickname, target, fields, why,
            'running', created_at, '', release_at, target_count, ready_count, '', '', '', '', '', ''
        FROM sends_send WHERE id = %(pk)s
        """,
        pk=send.pk,
    )


def delete_send(world: World) -> None:
    send = world.send()
    by_application("DELETE FROM sends_outbox WHERE send_id = %(pk)s", pk=send.pk)
    by_owner("sends_delivery", "DELETE FROM sends_delivery WHERE send_id = %(pk)s", pk=send.pk)
    by_owner("sends_send", "DELETE FROM sends_send WHERE id = %(pk)s", pk=send.pk)


def delete_waiting_delivery(world: World) -> None:
    send = world.send()
    by_application("DELETE FROM sends_outbox WHERE send_id = %(pk)s", pk=send.pk)
    by_owner("sends_delivery", "DELETE FROM sends_delivery WHERE send_id = %(pk)s", pk=send.pk)


def change_count(world: World) -> None:
    world.over("failed")
    by_application("UPDATE sends_sendoutcome SET number = 7")


def witnessed(world: World) -> None:
    delivery = world.over("unknown").deliveries.get()
    delivery_witness(
        world.sender, delivery, verdict="delivered", looked_in="agent", remark="She saw it."
    )


def change_resolution(world: World) -> None:
    witnessed(world)
    by_application("UPDATE sends_resolution SET verdict = 'not_delivered'")


def change_evidence(world: World) -> None:
    witnessed(world)
    by_owner("sends_evidence", "UPDATE sends_evidence SET actor_name = 'Max'")


def change_remark(world: World) -> None:
    witnessed(world)
    by_owner("sends_evidence", "UPDATE sends_evidence SET remark = 'He did not.'")


def delete_evidence(world: World) -> None:
    witnessed(world)
    by_owner("sends_resolution", "DELETE FROM sends_resolution")
    by_owner("sends_evidence", "DELETE FROM sends_evidence")


ERASE = (
    "UPDATE sends_delivery SET body = '', body_salt = '', customer_name = '', detail = '', "
    "fault_text = '', answer = NULL, erased_at = now(), erased_on_request = true"
)

ATTACKS: dict[str, tuple[Way, Sequence[str]]] = {
    "a version, published in another's name": (
        forge_version,
        ["version of a notice", "no entry tells of it", "status is superseded, and entry"],
    ),
    "the same, with forged entries": (
        forge_version_and_entries,
        ["do not tell what every entry of this kind has told", "status is superseded"],
    ),
    "the text of a published version": (change_published_text, ["bodies (en) is", "and entry"]),
    "the text of a version that was sent": (
        change_sent_text_of_version,
        ["bodies (en) is", "text of the version is"],
    ),
    "the reviewer of a version": (
        another_reviewer,
        ["reviewer_name is Anna, and entry", "says Reviewer"],
    ),
    "a version deleted": (delete_version, ["version of a notice", "is gone, and no entry says so"]),
    "a role": (
        on_person("UPDATE accounts_user SET roles = '{administrator}' WHERE id = %(pk)s"),
        ['(sue): roles is ["administrator"], and entry', 'says ["supervisor"]'],
    ),
    "an address for mails": (
        on_person("UPDATE accounts_user SET email = 'm@example.org' WHERE id = %(pk)s"),
        ["(sue): email is m@example.org"],
    ),
    "a person put out": (
        on_person("UPDATE accounts_user SET is_active = false WHERE id = %(pk)s"),
        ["(sue): is_active is false"],
    ),
    "a person put in": (insert_person, ["person", "(mallory) stands", "no entry tells of it"]),
    "a team": (insert_team_member, ["(sue): teams is ["]),
    "a directory's account": (
        on_person(
            "INSERT INTO socialaccount_socialaccount (user_id, provider, uid, last_login, "
            "date_joined, extra_data) VALUES (%(pk)s, 'directory', 'mallory', now(), now(), '{}')"
        ),
        ['(sue): directory is ["directory:mallory"]'],
    ),
    "a second factor removed": (remove_second_factor, ["(sue): second_factors is []"]),
    "a client's scopes": (
        on_client("UPDATE accounts_apiclient SET scopes = '{send,admin}' WHERE id = %(pk)s"),
        ["API client", "(Flow): scopes is"],
    ),
    "a client's token": (
        on_client("UPDATE accounts_apiclient SET token_hash = 'abc' WHERE id = %(pk)s"),
        ["API client", "(Flow): token_hash is"],
    ),
    "a Chat Server's pace": (
        on_server("UPDATE interactions_chatserver SET pace_per_second = 9000 WHERE id = %(pk)s"),
        ["Chat Server", "pace_per_second is 9000.0, and entry"],
    ),
    "a Chat Server's address": (
        on_server("UPDATE interactions_chatserver SET url = 'esp://evil:1' WHERE id = %(pk)s"),
        ["url is esp://evil:1"],
    ),
    "a held Chat Server released": (release_held, ["held_at is null", "held_by is"]),
    "a Chat Server put in": (insert_server, ["(chat-evil) stands", "no entry tells of it"]),
    "the stop of all sending": (let_sending_go_on, ["stop of all sending 1", "is gone"]),
    "a webhook's address": (redirect_webhook, ["webhook", "url is"]),
    "a stand-in put in": (insert_stand_in, ["stand-in", "no entry tells of it"]),
    "a preset that is older than the ledger": (change_preset, ["preset", "(Staff only) stands"]),
    "a notice's title": (rename_notice, ["title is Bye, and entry"]),
    "a playbook's stages": (change_playbook, ["version of a playbook", "stages is []"]),
    "an emergency's confirmation": (
        confirm_emergency,
        ["incident", "confirmed_by_name is Max, and entry"],
    ),
    "an outcome": (
        on_delivery("failed", "UPDATE sends_delivery SET status = 'delivered'"),
        ["delivery", "status is delivered, and entry", "says failed"],
    ),
    "a text that was sent": (
        on_delivery("delivered", "UPDATE sends_delivery SET body = 'Bye'"),
        ["delivery", "text is"],
    ),
    "the chat of a delivery": (
        on_delivery("delivered", "UPDATE sends_delivery SET interaction_id = 'other'"),
        ["interaction is other", "chats is"],
    ),
    "an erasure": (on_delivery("delivered", ERASE), ["is erased, and no entry says so"]),
    "a text gone without an erasure": (
        on_delivery("delivered", "UPDATE sends_delivery SET body = ''"),
        ["text is"],
    ),
    "a delivery deleted": (
        on_delivery("delivered", "DELETE FROM sends_delivery"),
        ["delivery", "is gone, and no entry says so", "chats is"],
    ),
    "a waiting delivery deleted": (delete_waiting_delivery, ["chats is"]),
    "a delivery put in": (insert_delivery, ["no entry tells how it ended", "chats is"]),
    "an approver": (set_approver, ["approver's name is Max", "approver is user:7, and entry"]),
    "another approver": (another_approver, ["approver's name is Max, and entry", "says Anna"]),
    "an approval by SQL": (approve_by_sql, ["status is running, and entry", "approver is user:"]),
    "a send stopped by SQL": (cancel_by_sql, ["status is cancelled", "who ended it is"]),
    "the reason of a send": (another_reason, ["reason is By order, and entry", "says An outage"]),
    "a send put in": (insert_send, ["send", "stands in the database, and no entry tells of it"]),
    "a send deleted": (delete_send, ["send", "is gone, and no entry says so"]),
    "the count of an outcome": (change_count, ["number of failed is 7, and its entries say 1"]),
    "a resolution": (change_resolution, ["resolution is not_delivered, and entry"]),
    "who gave evidence": (change_evidence, ["evidence", "whose name is Max"]),
    "the remark of evidence": (change_remark, ["evidence", "remark is He did not."]),
    "evidence deleted": (delete_evidence, ["evidence", "is gone", "resolution is"]),
}


def said(progress: Progress) -> list[str]:
    return [str(each.sentence) for each in progress.named]


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_is_found_and_its_place_named(attack: str, world: World) -> None:
    way, words = ATTACKS[attack]
    assert compare_all().holds
    way(world)
    found = compare_all()
    assert not found.holds
    text = "\n".join(said(found))
    assert [each for each in words if each not in text] == [], text
    assert found.differences == len(found.named) < 10, text


def test_there_are_enough() -> None:
    assert len(ATTACKS) > 40


def test_a_forged_history_that_fits_is_found_by_its_signatures(world: World, settings: Any) -> None:
    """Entries that tell rows as the console's do leave nothing to compare. Nobody signed them."""
    settings.CHECKPOINTS_TO = ""
    checkpoint_make()
    assert verify_database().holds
    forge_version(world)
    versions = NoticeVersion.objects.values_list("pk", flat=True)
    forge_entries(world, **told((VERSION, versions)))
    assert compare_all().holds
    report = verify_database()
    assert not report.holds
    assert AuditEntry.objects.latest("seq").seq - 2 == report.findings[0].seq
