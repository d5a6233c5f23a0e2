"""Every service that writes, and how to call each in a small world.

**A new service?** Add a line to `CALLS`: from the world make what it needs, and answer the call
itself, not made yet. Only what records nothing by design stands in `UNRECORDED`, and what is only
ever called inside of another service in `PARTS`, each with its reason.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from uuid import uuid4

from console.accounts import services as accounts
from console.accounts.services import directory, security_events
from console.audit.actions import Action
from console.audit.siem.services import stream_replay, stream_test
from console.audit.state.running import rows_begin, state_check_begin, state_check_stop
from console.backups import services as backups
from console.catalogue.content.categories import category_create, category_delete, category_update
from console.catalogue.content.notices import (
    notice_create,
    notice_restore,
    notice_retire,
    notice_update,
)
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import (
    version_approve,
    version_create,
    version_reject,
    version_submit,
    version_update,
    versions_publish,
)
from console.catalogue.models import VisibilityPreset
from console.catalogue.review.presets import (
    preset_create,
    preset_update,
)
from console.catalogue.transfer import catalogue_export_record, importing
from console.catalogue.transfer.files.formats import CSV
from console.editing.rotation import OVERLAPS
from console.exports import running
from console.exports import services as exports
from console.exports.orders import Order
from console.incidents.services import playbooks
from console.incidents.services.exporting import incident_export
from console.incidents.services.following import incidents_follow
from console.incidents.services.incidents import (
    incident_close,
    incident_confirm,
    incident_start,
    stage_pause,
    stage_resume,
    stage_start,
)
from console.interactions import services as interactions
from console.interactions.audience.audience import Audience
from console.interactions.poller.writing import PollCounts
from console.notifications import services as notifications
from console.sends.asking.saved_searches import (
    saved_search_create,
    saved_search_delete,
    saved_search_rename,
)
from console.sends.control import stop_switch
from console.sends.control.approval import send_approve, send_reject, send_reschedule
from console.sends.control.erasure import interaction_erase
from console.sends.control.holding import chat_server_hold, chat_server_release
from console.sends.control.naming import chat_server_remove, chat_server_rename
from console.sends.control.pausing import send_cancel, send_pause, send_resume
from console.sends.control.retry import send_retry_failed, send_retry_unknown
from console.sends.engine import record
from console.sends.engine.late_answers import LateEnding, late_answers_record
from console.sends.engine.outcomes import Ending
from console.sends.evidence.people import delivery_witness
from console.sends.models import DeliveryStatus
from console.sends.plan.sending import send_create
from console.sends.plan.testing import send_test_create
from console.sends.plan.values import SendOrder
from console.webhooks import services as webhooks
from tests.audit.small_world import Call, World, soon
from tests.support.preset_proposals import approve_seen, reject_seen
from tests.support.working import lease_take

GOLD = Audience.from_text("data.Segment:gold")
PUBLIC = "https://1.1.1.1/"  # no name, which would be looked up
TEXTS = b"key,kind,title,body:en\nlate,message,Late,It is late.\n"


def _decide_on_client(decide: Callable[..., object], world: World) -> Call:
    client, seen = world.client_awaiting()
    return partial(decide, world.root, client, expected=seen)


def _order() -> Order:
    return Order.read("history", "csv", {"q": "x", "since": soon()})


def after(_made: object, call: Call) -> Call:
    """What is made first is there when `call` is called."""
    return call


CALLS: dict[str, Callable[[World], Call]] = {
    "accounts.api_client_confirm": lambda w: _decide_on_client(accounts.api_client_confirm, w),
    "accounts.api_client_create": lambda w: partial(
        accounts.api_client_create, w.root, name="Flow", scopes=["feed"]
    ),
    "accounts.api_client_deactivate": lambda w: partial(
        accounts.api_client_deactivate, w.root, w.client()
    ),
    "accounts.api_client_decline": lambda w: _decide_on_client(accounts.api_client_decline, w),
    "accounts.api_client_reactivate": lambda w: partial(
        accounts.api_client_reactivate, w.root, w.client(is_active=False)
    ),
    "accounts.api_client_token_rotate": lambda w: partial(
        accounts.api_client_token_rotate, w.root, w.client(), overlap=OVERLAPS[1]
    ),
    "accounts.api_client_update": lambda w: partial(
        accounts.api_client_update, w.root, w.client(), scopes=["read"]
    ),
    "accounts.directory_confirmed": lambda w: partial(
        security_events.directory_confirmed, w.person, "127.0.0.1", "4711"
    ),
    "accounts.directory_link": lambda w: partial(
        directory.directory_link, w.person.to_actor(), w.person, subject="4711", name="Sue"
    ),
    "accounts.directory_refused": lambda w: partial(
        security_events.directory_refused, None, "127.0.0.1", reason="unsigned"
    ),
    "accounts.directory_unlink": lambda w: partial(
        directory.directory_unlink, w.person.to_actor(), w.linked(), session_key=None
    ),
    "accounts.own_sessions_end": lambda w: partial(
        security_events.own_sessions_end, w.person, [w.session()]
    ),
    "accounts.password_changed": lambda w: partial(
        security_events.password_changed, w.with_a_given_password()
    ),
    "accounts.second_factors_rotate": lambda w: partial(
        security_events.second_factors_rotate, w.with_kept_secret()
    ),
    "accounts.second_factor_changed": lambda w: partial(
        security_events.second_factor_changed, w.person, Action.USER_SECOND_FACTOR_ADDED, "totp"
    ),
    "accounts.second_factor_failed": lambda w: partial(
        security_events.second_factor_failed, w.person, "127.0.0.1"
    ),
    "accounts.sign_in_failed": lambda w: partial(
        security_events.sign_in_failed, "sue", "127.0.0.1", locked=False
    ),
    "accounts.signed_in": lambda w: partial(
        security_events.signed_in, w.person, "127.0.0.1", ["password"]
    ),
    "accounts.signed_out": lambda w: partial(security_events.signed_out, w.person, "127.0.0.1"),
    "accounts.team_create": lambda w: partial(
        accounts.team_create, w.root, name="Orders", queues=["orders"]
    ),
    "accounts.team_delete": lambda w: partial(accounts.team_delete, w.root, w.team()),
    "accounts.team_update": lambda w: partial(
        accounts.team_update, w.root, w.team(), name="Desk", queues=["desk"], members=[w.person]
    ),
    "accounts.token_refused": lambda w: partial(
        accounts.token_refused, w.client(), reason="token_expired", address="192.0.2.7"
    ),
    "accounts.user_create": lambda w: partial(
        accounts.user_create, w.root, username="ada", password="long enough", roles=["editor"]
    ),
    "accounts.user_deactivate": lambda w: partial(accounts.user_deactivate, w.root, w.person),
    "accounts.user_access_lost": lambda w: partial(
        directory.user_access_lost, w.person, ruled_teams=[]
    ),
    "accounts.user_follow_groups": lambda w: partial(
        directory.user_follow_groups, w.person, roles=["editor"], teams=[], ruled_teams=[]
    ),
    "accounts.user_from_directory": lambda w: partial(
        directory.user_from_directory, subject="4711", username="dora", roles=["editor"]
    ),
    "accounts.user_password_set": lambda w: partial(
        accounts.user_password_set, w.root, w.person, password="a horse of staples"
    ),
    "accounts.user_reactivate": lambda w: partial(
        accounts.user_reactivate, w.root, accounts.user_deactivate(w.root, w.person)
    ),
    "accounts.user_release": lambda w: partial(security_events.user_release, w.root, w.locked()),
    "accounts.user_second_factor_reset": lambda w: partial(
        security_events.user_second_factor_reset, w.root, w.with_second_factor()
    ),
    "accounts.user_sign_out_everywhere": lambda w: partial(
        accounts.user_sign_out_everywhere, w.root, w.person
    ),
    "accounts.user_update": lambda w: partial(
        accounts.user_update, w.root, w.person, email="sue@example.org", teams=[w.team()]
    ),
    "audit.audit_archive": lambda w: w.archiving(),
    "audit.audit_export": lambda w: w.exporting(),
    "audit.process_key_revoke": lambda w: w.revoking(),
    "audit.checkpoint_make": lambda w: w.another_key(),
    "audit.stream_replay": lambda w: partial(stream_replay, w.root, w.streaming(), begin=1),
    "audit.stream_test": lambda w: partial(stream_test, w.root, w.streaming()),
    "audit.rows_begin": lambda w: after(w.with_older_entries(), partial(rows_begin, w.root)),
    "audit.state_check_stop": lambda w: after(
        state_check_begin(), partial(state_check_stop, w.root)
    ),
    "backups.backup_make": lambda w: partial(backups.backup_make, w.root, w.folder),
    "backups.database_settle": lambda w: after(w.send(), partial(backups.database_settle, w.root)),
    "catalogue.catalogue_export": lambda w: partial(
        catalogue_export_record.catalogue_export, w.root, file_name="all.csv"
    ),
    "catalogue.catalogue_import": lambda w: partial(
        importing.catalogue_import, w.root, file_name="a.csv", content=TEXTS
    ),
    "catalogue.catalogue_import_records": lambda w: partial(
        importing.catalogue_import_records,
        w.root,
        records=CSV().create_dataset(TEXTS),
        body=TEXTS,
    ),
    "catalogue.catalogue_restore": lambda w: partial(
        importing.catalogue_restore,
        w.root,
        file_name="a.csv",
        content=catalogue_export_record.catalogue_export(w.root, file_name="a.csv")[0].replace(
            b"Everyone", b"Somebody"
        ),
    ),
    "catalogue.category_create": lambda w: partial(category_create, w.root, name="Any"),
    "catalogue.category_delete": lambda w: partial(
        category_delete, w.root, category_create(w.root, name="Any")
    ),
    "catalogue.category_update": lambda w: partial(
        category_update,
        w.root,
        category_create(w.root, name="Any"),
        name="Other",
    ),
    "catalogue.notice_create": lambda w: partial(
        notice_create, w.root, key="newest", kind="message", title="New", category="Any"
    ),
    "catalogue.notice_restore": lambda w: partial(
        notice_restore,
        w.root,
        notice_retire(w.root, w.make_notice().notice),
    ),
    "catalogue.notice_retire": lambda w: partial(notice_retire, w.root, w.make_notice().notice),
    "catalogue.notice_update": lambda w: partial(
        notice_update, w.root, w.make_notice().notice, title="Other", category="Any"
    ),
    "catalogue.preset_approve": lambda w: partial(
        approve_seen, w.approver, preset_create(w.root, name="Desk", visibility="INT")
    ),
    "catalogue.preset_create": lambda w: partial(
        preset_create, w.root, name="Desk", visibility="INT"
    ),
    "catalogue.preset_reject": lambda w: partial(
        reject_seen,
        w.approver,
        preset_create(w.root, name="Desk", visibility="INT"),
        reason="Too wide",
    ),
    "catalogue.preset_update": lambda w: partial(
        preset_update, w.root, VisibilityPreset.objects.first(), nickname="Desk"
    ),
    "catalogue.version_approve": lambda w: partial(version_approve, w.root, w.submitted()),
    "catalogue.version_create": lambda w: partial(
        version_create,
        w.author,
        w.make_notice().notice,
        VersionContent(default_locale="en", bodies={"en": "Other"}),
    ),
    "catalogue.version_reject": lambda w: partial(
        version_reject, w.root, w.submitted(), reason="Too long"
    ),
    "catalogue.version_submit": lambda w: partial(version_submit, w.author, w.draft()),
    "catalogue.version_update": lambda w: partial(
        version_update, w.author, w.draft(), {"bodies": {"en": "Other"}}
    ),
    "catalogue.versions_publish": lambda w: after(
        w.approved_for_later(), partial(versions_publish, soon() + timedelta(days=1))
    ),
    "incidents.incident_close": lambda w: partial(
        incident_close, w.sender, w.incident(), word="A cable was cut."
    ),
    "incidents.incident_confirm": lambda w: partial(incident_confirm, w.approver, w.emergency()),
    "incidents.incident_export": lambda w: partial(
        incident_export, w.sender, w.incident(), BytesIO()
    ),
    "incidents.incident_start": lambda w: partial(
        incident_start, w.sender, w.playbook(), why="It is down."
    ),
    "incidents.incidents_follow": lambda w: after(w.incident(is_overdue=True), incidents_follow),
    "incidents.playbook_create": lambda w: partial(
        playbooks.playbook_create,
        w.author,
        key="outage",
        title="Outage",
        content=w.playbook_content(),
    ),
    "incidents.playbook_retire": lambda w: partial(playbooks.playbook_retire, w.root, w.playbook()),
    "incidents.version_approve": lambda w: partial(
        playbooks.version_approve, w.approver, w.playbook_submitted()
    ),
    "incidents.version_reject": lambda w: partial(
        playbooks.version_reject, w.approver, w.playbook_submitted(), reason="Too wide"
    ),
    "incidents.version_submit": lambda w: partial(
        playbooks.version_submit, w.author, w.playbook_draft()
    ),
    "incidents.version_write": lambda w: partial(
        playbooks.version_write,
        w.author,
        w.playbook_draft().playbook,
        replace(w.playbook_content(), change_note="Other"),
    ),
    "incidents.stage_pause": lambda w: partial(stage_pause, w.sender, w.incident()),
    "incidents.stage_resume": lambda w: partial(stage_resume, w.sender, w.incident(is_paused=True)),
    "incidents.stage_start": lambda w: partial(stage_start, w.sender, w.incident(), 2),
    "interactions.chat_server_create": lambda w: partial(
        interactions.chat_server_create, w.root, name="chat-west", url="esp+json://127.0.0.1:9"
    ),
    "interactions.chat_server_update": lambda w: partial(
        interactions.chat_server_update, w.root, w.server, enabled=False
    ),
    "interactions.interaction_mark_test": lambda w: partial(
        interactions.interaction_mark_test, w.root, interaction_id=w.make_interaction().pk
    ),
    "interactions.interaction_unmark_test": lambda w: partial(
        interactions.interaction_unmark_test,
        w.root,
        interaction_id=w.make_interaction(test=True).pk,
    ),
    "interactions.saved_view_create": lambda w: partial(
        interactions.saved_view_create, w.root, name="Gold", audience=GOLD
    ),
    "interactions.saved_view_delete": lambda w: partial(
        interactions.saved_view_delete, w.root, w.view()
    ),
    "interactions.saved_view_update": lambda w: partial(
        interactions.saved_view_update, w.root, w.view(), name="Silver", position=1
    ),
    "interactions.poll_finish": lambda w: partial(
        interactions.poll_finish,
        w.root,
        w.polling(),
        address="ixn:4420",
        seen=set(),
        counts=PollCounts(),
        is_whole=True,
    ),
    "sends.saved_search_create": lambda w: partial(
        saved_search_create, w.root, name="Failed", query={"status": "failed"}
    ),
    "sends.saved_search_delete": lambda w: partial(saved_search_delete, w.root, w.search()),
    "sends.saved_search_rename": lambda w: partial(
        saved_search_rename, w.root, w.search(), name="Lost"
    ),
    "sends.chat_server_hold": lambda w: partial(
        chat_server_hold, w.root, w.server, "New certificates"
    ),
    "sends.chat_server_remove": lambda w: partial(chat_server_remove, w.root, w.server),
    "sends.chat_server_rename": lambda w: partial(
        chat_server_rename, w.root, w.server, "chat-north"
    ),
    "sends.chat_server_release": lambda w: partial(
        chat_server_release, w.root, chat_server_hold(w.root, w.server, "New certificates")
    ),
    "sends.deliveries_abandon": lambda w: after(
        w.cancelled_with_one_waiting(), record.deliveries_abandon
    ),
    "sends.deliveries_expire": lambda w: after(w.send(), partial(record.deliveries_expire, soon())),
    "sends.deliveries_recover": lambda w: after(
        w.claimed(),
        partial(record.deliveries_recover, lease_take("chat-east", uuid4())),
    ),
    "sends.late_answers_record": lambda w: partial(
        late_answers_record, [LateEnding(Ending(w.claimed().claimed[0], DeliveryStatus.DELIVERED))]
    ),
    "sends.delivery_witness": lambda w: partial(
        delivery_witness,
        w.sender,
        w.over("unknown").deliveries.get(),
        verdict="delivered",
        looked_in="agent",
        remark="She saw it.",
    ),
    "sends.feed_take": lambda w: w.fed_lines_of(w.over("unknown")),
    "sends.send_test_create": lambda w: partial(
        send_test_create,
        w.author,
        w.draft(),
        interactions=[w.make_interaction(test=True).pk],
    ),
    "sends.transcript_lines_note": lambda w: w.lines_of(w.over("unknown")),
    "sends.drain_step": lambda w: w.step_with_an_ending(),
    "exports.export_now": lambda w: partial(exports.export_now, w.root, order=_order()),
    "exports.export_order": lambda w: partial(exports.export_order, w.root, order=_order()),
    "exports.export_remove": lambda w: partial(exports.export_remove, w.root, w.export()),
    "exports.export_download": lambda w: partial(exports.export_download, w.root, w.export("done")),
    "exports.exports_withdraw": lambda w: after(
        w.export("done"), partial(exports.exports_withdraw, w.root, subject="history")
    ),
    "exports.export_lost": lambda w: partial(running.export_lost, w.export("running", lost=2).pk),
    "sends.interaction_erase": lambda w: partial(
        interaction_erase, w.root, interaction_id=w.ended_chat()
    ),
    "sends.send_approve": lambda w: partial(send_approve, w.approver, w.large_send()),
    "sends.send_cancel": lambda w: partial(send_cancel, w.sender, w.send()),
    "sends.send_create": lambda w: partial(
        send_create,
        w.sender,
        SendOrder(notice_key=w.make_notice().notice.key, interactions=[w.make_interaction().pk]),
    ),
    "sends.send_pause": lambda w: partial(send_pause, w.sender, w.send()),
    "sends.delivery_prove": lambda w: w.proving_one(),
    "sends.send_prove": lambda w: w.proving(),
    "sends.send_reject": lambda w: partial(
        send_reject, w.approver, w.large_send(), reason="Too many"
    ),
    "sends.send_reschedule": lambda w: partial(
        send_reschedule, w.sender, w.send(scheduled_at=soon()), scheduled_at=soon()
    ),
    "sends.send_resume": lambda w: partial(send_resume, w.sender, send_pause(w.sender, w.send())),
    "sends.send_retry_failed": lambda w: partial(send_retry_failed, w.sender, w.over("failed")),
    "sends.send_retry_unknown": lambda w: partial(
        send_retry_unknown, w.sender, w.over("unknown"), may_show_twice=True
    ),
    "sends.sending_restart": lambda w: w.stopped(),
    "sends.sending_stop": lambda w: partial(stop_switch.sending_stop, w.root, reason="A rehearsal"),
    "sends.sends_finish": lambda w: partial(record.sends_finish, [w.ended("delivered").pk]),
    "sends.sends_release": lambda w: after(
        w.send(undo_seconds=5), partial(record.sends_release, soon())
    ),
    "sends.retention_stop": lambda w: w.erasing_in_time(),
    "sends.texts_expire": lambda w: w.kept_for_too_long(),
    "notifications.mail_test": lambda w: partial(notifications.mail_test, w.reader_of_mail()),
    "notifications.preferences_update": lambda w: partial(
        notifications.preferences_update, w.approver, declined=["preset.submitted mail"]
    ),
    "notifications.stand_in_end": lambda w: partial(
        notifications.stand_in_end, w.approver, w.stand_in().pk
    ),
    "notifications.stand_in_name": lambda w: partial(
        notifications.stand_in_name,
        w.approver,
        stand_in=w.another_approver(),
        begins_at=soon(),
        ends_at=soon() + timedelta(hours=1),
    ),
    "webhooks.message_redeliver": lambda w: partial(
        webhooks.message_redeliver, w.root, w.taken_message()
    ),
    "webhooks.webhook_create": lambda w: partial(
        webhooks.webhook_create, w.root, name="CRM", url=PUBLIC, events=["send.finished"]
    ),
    "webhooks.webhook_delete": lambda w: partial(webhooks.webhook_delete, w.root, w.webhook()),
    "webhooks.webhook_secret_rotate": lambda w: partial(
        webhooks.webhook_secret_rotate, w.root, w.webhook(), overlap=OVERLAPS[1]
    ),
    "webhooks.webhook_secrets_reencrypt": lambda w: after(
        w.webhook(), partial(webhooks.webhook_secrets_reencrypt, w.root)
    ),
    "webhooks.webhook_test": lambda w: partial(webhooks.webhook_test, w.root, w.webhook()),
    "webhooks.webhook_update": lambda w: partial(
        webhooks.webhook_update, w.root, w.webhook(), enabled=False
    ),
}

UNRECORDED = {
    "audit.log_begin": "makes the tree's name and secret, with its first entries",
    "audit.log_begin_anew": "database_settle records the new name",
    "audit.receipt_write": "says what stands outside already",
    "audit.tree_grow": "takes the ledger's entries; an entry for each would never end",
    "audit.state_check_begin": "says how far a run is, which reads",
    "audit.state_check_go_on": "the same",
    "audit.cosignatures_collect": "an entry for each would need the next cosignature, without end",
    "audit.timestamp_make": "an entry for each would need the next stamp, without end",
    "audit.texts_shown": "a worker records it: tests/audit/test_readings.py",
    "audit.shows_texts": "as texts_shown",
    "audit.readings_enter": "records what was shown meanwhile: tests/audit/test_readings.py",
    "audit.streams_begin": "an entry for each would be streamed itself, without end",
    "audit.stream_take": "as streams_begin",
    "audit.stream_move_on": "as streams_begin",
    "audit.stream_end": "as streams_begin",
    "audit.stream_fail": "as streams_begin",
    "sends.retention_begin": "says how far the run is; what is erased is recorded with it",
    "sends.retention_go_on": "calls texts_expire, which records what it erases",
    "sends.sends_watch": "records each pause that it makes: tests/sends/test_caution.py",
    "sends.sweep_ended": "when the last sweep ended, every five seconds",
    "sends.contacts_forget": "deletes the locks of claims that are over",
    "accounts.key_answer_read": "records an answer that does not hold; tests/accounts has each",
    "accounts.approval_ask": "asks for a key; its answer is recorded with the approval",
    "accounts.counted": "counts requests and attempts; what matters of them is recorded elsewhere",
    "accounts.forget": "the same: begins to count anew",
    "accounts.seconds_to_wait": "the same",
    "accounts.take_back": "the same: counts one less",
    "accounts.session_used": "puts off the end of one's own session, with each request",
    "backups.database_fill": "brings the tables, the ledger among them; database_settle follows",
    "catalogue.import_job_confirm": "has a worker do what catalogue_import records",
    "catalogue.import_job_failed": "says of an import that wrote nothing that it failed",
    "catalogue.import_job_run": "runs catalogue_import, and says how far it is",
    "catalogue.import_job_start": "has a file checked, which changes nothing",
    "exports.export_let_go": "has another worker go on with what is recorded already",
    "exports.export_run": "its entry stands with the file's end: tests/exports/test_running.py",
    "exports.exports_sweep": "begins lost runs anew, and deletes files a day after they were ready",
    "accounts.security_key_counted": "part of a sign-in, which is recorded as a whole",
    "accounts.api_client_seen": "when a token was last used is no decision, and each request's",
    "sends.columns_set": "the same as a favourite: how a list looks to one person",
    "catalogue.favourite_set": "what somebody has at hand, which nobody else sees",
    "incidents.answers_expire": "follows the erasure of texts, which is recorded",
    "incidents.start_plan": "a preview, which writes nothing",
    "incidents.stage_plan": "the same",
    "incidents.plan_unless_nobody": "the same",
    "interactions.chat_server_reached": "health is what workers see, many times a minute",
    "interactions.chat_server_unreachable": "the same",
    "interactions.chat_server_return_tokens": "the bucket that paces a Chat Server",
    "interactions.chat_server_take_tokens": "the same",
    "interactions.chat_server_lease_hold": "the lease of a drain, which only workers see",
    "interactions.chat_server_lease_release": "the same",
    "interactions.chat_server_leases_release": "the same",
    "interactions.chat_server_leases_renew": "the same",
    "interactions.chat_server_leases_take": "the same",
    "interactions.feed_apply": "what happens in the contact centre, not what is done here",
    "interactions.lines_trim": "by the setting, every night",
    "interactions.poll_begin": "looks at what is live, and notes that a poll runs",
    "interactions.poll_fail": "as health is: what workers see, many times an hour",
    "interactions.poll_page": "as the feed: what happens in the contact centre",
    "interactions.interactions_forget": "by the retention that is set, every night",
    "sends.deliveries_follow": "what waits goes where its chat is; its entry says where it went",
    "sends.outbox_renew": "part of starting again, which is recorded",
    "sends.deliveries_rest": "where PostgreSQL has what deliveries say",
    "sends.history_fill": "what the search reads, made of what deliveries say",
    "sends.customers_note": "the same, made of what chats say",
    "sends.customers_forget": "the same, with an erasure that is recorded",
    "sends.history_forget": "the same, with an erasure that is recorded",
    "sends.outcomes_count": "counts the ledger's own entries",
    "sends.worker_gone": "workers come and go",
    "sends.worker_seen": "the same",
    "sends.workers_forget": "the same",
    "notifications.carrying_begin": "which worker carries",
    "notifications.carrying_end": "the same",
    "notifications.letter_record": "how the mail server answered; each notification is kept itself",
    "notifications.letters_take": "what leaves now, and what nobody needs any more",
    "notifications.matters_forget": "by a fixed time, every night",
    "notifications.matters_gather": "follows what the ledger's own entries say",
    "notifications.matters_press": "reminds of what waits, by the minutes that are set",
    "webhooks.attempt_record": "how the network answered; each attempt is kept itself",
    "webhooks.carrying_begin": "which worker carries",
    "webhooks.carrying_end": "the same",
    "webhooks.facts_gather": "tells of what the ledger's own entries say",
    "webhooks.messages_forget": "by the retention that is set, every night",
    "webhooks.parcels_take": "writes an attempt before each",
}

PARTS = {
    "sends.blank": "of interaction_erase and texts_expire, which record it",
    "audit.append": "of record_many, for entries of several times",
    "audit.leaves_add": "of tree_grow",
    "audit.process_key_make": "writes nothing; what the key signs first brings its certificate",
    "accounts.approval_record": "part of each approval, which records it",
    "sends.control_entry": "of send_approve and record_control; it makes the entry",
    "sends.enter_control": "of send_approve and record_control",
    "catalogue.notice_rename": "part of version_approve and versions_publish, which record it",
    "sends.sends_end_after_restore": "of database_settle",
    "sends.on_the_wire_end_after_restore": "of database_settle",
    "sends.stop_after_restore": "of database_settle",
    "accounts.sessions_forget_all": "of database_settle",
    "webhooks.webhooks_stop_after_restore": "of database_settle",
    "catalogue.write_plan": "of the imports",
    "incidents.begin": "of incident_start and stage_start",
    "incidents.call_off": "of stage_start and incident_close",
    "incidents.cover_of": "the same, and of incidents_follow",
    "incidents.not_yet_reached": "of incidents_follow",
    "incidents.order_of": "of all that starts or follows a stage",
    "incidents.record_stage": "of begin",
    "incidents.retry_note": "of the retries",
    "incidents.stages_pause_after_restore": "of database_settle",
    "incidents.targets_write": "of begin and incidents_follow",
    "catalogue.words_keep_many": "of the imports, and of all that changes words",
    "audit.record": "of all of them",
    "audit.record_many": "the same",
    "catalogue.category_at": "of notice_create and notice_update",
    "catalogue.words_keep": "of all that changes words",
    "sends.claim_due": "of drain_step",
    "accounts.grant": "of api_client_create and api_client_update",
    "accounts.sessions_end": "of what closes an account or changes how one gets in",
    "accounts.sessions_forget": "of own_sessions_end and sessions_end",
    "sends.end_send": "of send_cancel and send_reject",
    "sends.new_send": "of send_create and the retries",
    "sends.outbox_move": "of send_approve, send_reschedule and send_resume",
    "interactions.health_changes_take": "of facts_gather",
    "interactions.interactions_regroup": "of team_create and team_update",
    "interactions.lines_erase": "of feed_apply and interaction_erase",
    "interactions.lines_keep": "of feed_apply",
    "interactions.interaction_blank": "of interaction_erase",
    "sends.record_control": "of send_pause and its like",
    "sends.incident_sends_withhold": "of incidents_follow",
    "sends.incident_sends_let_go": "of incident_confirm",
    "sends.send_write": "of send_create and the retries",
    "sends.evidence_write": "of delivery_witness and what else brings evidence",
    "sends.write_records": "of all that ends deliveries",
    "sends.write_endings": "of drain_step and what else ends deliveries",
    "sends.write_postponements": "the same",
    "audit.carrying_begin": "of webhooks and notifications: which worker carries",
    "audit.carrying_end": "the same",
    "audit.carrying_go_on": "the same",
    "audit.entries_follow": "of facts_gather and matters_gather",
    "audit.mark_begin": "the same",
    "notifications.notifications_drop_after_restore": "of database_settle",
    "notifications.notifications_write": "of matters_gather and matters_press",
    "webhooks.mark_begin": "of webhook_create and facts_gather",
}
