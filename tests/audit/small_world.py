"""People and things for every service to be called with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from console.accounts import services as accounts
from console.accounts.models import ApiClient, Team, User
from console.accounts.roles import Role
from console.accounts.services.directory import directory_link
from console.accounts.services.security_events import second_factor_changed
from console.accounts.states import api_client_state
from console.actors import Actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.checkpoints import new_key, own_public_key
from console.audit.models import AuditSignature
from console.audit.siem.positions import streams_begin
from console.audit.siem.settings import Destination, destinations
from console.audit.signing import forget_signer
from console.audit.tlog.growing import tree_grow
from console.audit.tlog.making import tree_make
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.models import NoticeVersion
from console.editing.revision import revision
from console.exports.models import ExportJob
from console.exports.orders import Order
from console.exports.services import export_order
from console.incidents.models import Incident, Playbook, PlaybookVersion
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services import playbooks
from console.incidents.services.incidents import incident_start, stage_pause
from console.incidents.services.playbooks import playbook_create
from console.interactions import services as interactions
from console.interactions.audience.audience import Audience
from console.interactions.models import ChatServer, Interaction, SavedView
from console.interactions.poller.writing import Poll
from console.interactions.services import saved_view_create
from console.notifications.models import StandIn
from console.notifications.services import stand_in_name
from console.notifications.settings import MailServer
from console.sends.asking.saved_searches import saved_search_create
from console.sends.control import retention, stop_switch
from console.sends.control.pausing import send_cancel
from console.sends.engine import record
from console.sends.engine.claim import Step
from console.sends.engine.outcomes import (
    Ending,
    Postponement,
    ended_records,
    locked_rows,
    write_endings,
    write_postponements,
)
from console.sends.evidence.transcripts import feed_take, transcript_lines_note
from console.sends.models import (
    Delivery,
    DeliveryStatus,
    SavedSearch,
    Send,
)
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.sends.proof.issue import delivery_prove, send_prove
from console.sends.proof.ledger import write_records
from console.webhooks.models import Message, Webhook
from console.webhooks.services import webhook_create, webhook_test
from tests.support.factories import make_user
from tests.support.tampering import run, triggers_off
from tests.support.working import changing_what_has_ended, lease_take, leased_step

Call = Callable[[], object]


@dataclass(frozen=True)
class World:
    """A supervisor, an approver, a Chat Server that nobody listens for, and what one makes."""

    root: Actor
    person: User
    sender: Actor
    approver: Actor
    server: ChatServer
    settings: Any
    folder: Path
    make_interaction: Callable[..., Interaction]
    make_notice: Callable[..., NoticeVersion]

    author = Actor("user:author", "Author", audit.CONSOLE.permissions, sees_all_teams=True)

    def session(self) -> UserSession:
        Session.objects.create(session_key="key", session_data="", expire_date=soon())
        return UserSession.objects.create(
            user=self.person, ip="127.0.0.1", session_key="key", user_agent="", data={}
        )

    def locked(self) -> User:
        AccessAttempt.objects.create(username=self.person.username, failures_since_start=99)
        return self.person

    def with_second_factor(self) -> User:
        self.session()
        Authenticator.objects.create(user=self.person, type="totp", data={"secret": "x"})
        second_factor_changed(self.person, Action.USER_SECOND_FACTOR_ADDED, "totp")
        return self.person

    def with_a_given_password(self) -> User:
        self.person.must_change_password = True
        self.person.save()
        return self.person

    def with_kept_secret(self) -> Actor:
        data = {"secret": encrypt("what the app shares with us")}
        Authenticator.objects.create(user=self.person, type="totp", data=data)
        second_factor_changed(self.person, Action.USER_SECOND_FACTOR_ADDED, "totp")
        return self.root

    def linked(self) -> User:
        directory_link(self.person.to_actor(), self.person, subject="4711", name="Sue")
        return self.person

    def client(self, *, is_active: bool = True) -> ApiClient:
        client, _token = accounts.api_client_create(self.root, name="Flow", scopes=["send"])
        return client if is_active else accounts.api_client_deactivate(self.root, client)

    def client_awaiting(self) -> tuple[ApiClient, str]:
        """A client of which something waits to be decided on, in the state that was seen."""
        client, _token = accounts.api_client_create(self.author, name="Flow", scopes=["send"])
        return client, revision(api_client_state(client))

    def another_approver(self) -> User:
        return make_user("bert", Role.APPROVER)

    def stand_in(self) -> StandIn:
        ends = soon() + timedelta(hours=1)
        other = self.another_approver()
        return stand_in_name(self.approver, stand_in=other, begins_at=soon(), ends_at=ends)

    def reader_of_mail(self) -> Actor:
        """An administrator with a mail address, where a mail server is set."""
        self.settings.MAIL_SERVER = MailServer("127.0.0.1", 25)
        person = make_user("post", Role.ADMINISTRATOR)
        accounts.user_update(self.root, person, email="post@example.com")
        return person.to_actor()

    def team(self) -> Team:
        return accounts.team_create(self.root, name="Desk")

    def draft(self) -> NoticeVersion:
        notice = notice_create(self.author, key="draft", kind="message", title="Draft")
        return version_create(
            self.author, notice, VersionContent(default_locale="en", bodies={"en": "Hello"})
        )

    def submitted(self) -> NoticeVersion:
        return version_submit(self.author, self.draft())

    def approved_for_later(self) -> NoticeVersion:
        self.make_notice("Hello", key="later")
        return self.make_notice("Hello", key="tomorrow", valid_from=soon() + timedelta(hours=1))

    def send(self, *, interactions: Sequence[str] = (), **arguments: Any) -> Send:
        return send_create(
            self.sender,
            SendOrder(
                notice_key=self.make_notice("Hello", nickname="Desk").notice.key,
                interactions=interactions or [self.make_interaction().pk],
                **arguments,
            ),
        )

    def large_send(self, **arguments: Any) -> Send:
        """One that awaits approval."""
        self.settings.APPROVAL_ABOVE = 1
        ids = [self.make_interaction().pk, self.make_interaction().pk]
        return self.send(interactions=ids, **arguments)

    def ended(self, status: str, **arguments: Any) -> Send:
        """A send whose one delivery has ended, and which is itself still under way."""
        send = self.send(**arguments)
        with transaction.atomic():
            (row,) = locked_rows(Delivery.objects.filter(send=send))
            ending = Ending(row, DeliveryStatus(status))
            written = write_endings([ending], from_status=DeliveryStatus.PENDING)
            write_records(record.WORKER, ended_records(written))
        return send

    def over(self, status: str) -> Send:
        send = self.ended(status)
        record.sends_finish([send.pk])
        return send

    def fed_lines_of(self, send: Send) -> Call:
        """The same line as of `lines_of`, in an event of the feed."""
        (line,) = self.lines_of(send).args[1]  # type: ignore[attr-defined]
        chat = {"id": line.pop("interaction")}
        fed = {**line, "party": "system", "visibility": "ALL"}
        event = {"type": "transcript", "occurred_at": line["at"], "interaction": chat}
        return partial(feed_take, self.root, [{**event, "lines": [fed]}])

    def lines_of(self, send: Send) -> Call:
        """A line of the transcript with the text of a send's one delivery, which was tried."""
        now = timezone.now()
        with changing_what_has_ended():
            send.deliveries.update(attempted_at=now)
        delivery = send.deliveries.get()
        line = {
            "interaction": delivery.interaction_id,
            "at": now.isoformat(),
            "nickname": "Desk",
            "text": delivery.body,
        }
        return partial(transcript_lines_note, self.root, [line])

    def cancelled_with_one_waiting(self) -> None:
        (claimed,) = self.claimed().claimed
        send_cancel(self.sender, Send.objects.get(pk=claimed.send_id))
        write_postponements([Postponement(claimed, None, "")])

    def claimed(self) -> Step:
        """One delivery on the wire."""
        self.send()
        return leased_step(self.server, claim=uuid4(), room=1)

    def step_with_an_ending(self) -> Call:
        (delivery,) = self.claimed().claimed
        ending = Ending(delivery, DeliveryStatus.UNKNOWN)
        lease = lease_take(self.server.name, uuid4())
        assert isinstance(lease, interactions.Lease)
        return partial(record.drain_step, lease, claim=uuid4(), endings=[ending])

    def new_audit_key(self) -> None:
        self.settings.AUDIT_OLD_KEYS = [*self.settings.AUDIT_OLD_KEYS, own_public_key()]
        self.settings.AUDIT_KEY, self.settings.CHECKPOINTS_TO = new_key(), ""

    def another_key(self) -> Call:
        self.new_audit_key()
        self.draft()
        audit.checkpoint_make()
        self.new_audit_key()
        self.make_notice()
        return audit.checkpoint_make

    def revoking(self) -> Call:
        """A key of a process that runs no more."""
        self.draft()
        key = AuditSignature.objects.latest("last").signer
        forget_signer()
        return partial(audit.process_key_revoke, self.root, key=key)

    def with_older_entries(self) -> None:
        """Things of which entries tell as they did before they told rows."""
        self.make_notice()
        with triggers_off():
            run("UPDATE audit_auditentry SET data = data - 'rows'")

    def exporting(self) -> Call:
        self.new_audit_key()
        return partial(audit.audit_export, self.root, BytesIO())

    def archiving(self) -> Call:
        self.new_audit_key()
        long_ago = timezone.now() - timedelta(days=60)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("console.audit.services.near_now", lambda: long_ago)
            patch.setattr("console.audit.signing.near_now", lambda: long_ago)
            forget_signer()
            self.draft()
            audit.checkpoint_make()
        tree_grow()
        forget_signer()
        self.make_notice()
        before = timezone.now() - timedelta(days=30)
        return partial(audit.audit_archive, self.root, before=before, folder=self.folder)

    def streaming(self) -> Destination:
        """A receiver of a SIEM that nobody listens for, and its stream."""
        self.settings.SIEM_TO = destinations("https://127.0.0.1:1/")
        streams_begin()
        return self.settings.SIEM_TO[0]

    def proving(self) -> Call:
        self.new_audit_key()
        auditor = replace(self.sender, permissions=self.root.permissions)
        send = self.over("delivered")
        audit.checkpoint_make()
        return partial(send_prove, auditor, send, BytesIO())

    def proving_one(self) -> Call:
        self.new_audit_key()
        auditor = replace(self.sender, permissions=self.root.permissions)
        delivery = self.over("delivered").deliveries.get()
        audit.checkpoint_make()
        tree_make()
        return partial(delivery_prove, auditor, delivery)

    def ended_chat(self) -> str:
        send = self.over("delivered")
        (pk,) = send.target["interactions"]
        Interaction.objects.filter(pk=pk).update(ended_at=timezone.now())
        return str(pk)

    def polling(self) -> Poll:
        """A poll that has begun, while a chat is live."""
        minute_ago = timezone.now() - timedelta(minutes=1)
        self.make_interaction(occurred_at=minute_ago.isoformat())
        return interactions.poll_begin(self.root)

    def kept_for_too_long(self) -> Call:
        self.settings.TEXT_RETENTION_DAYS = 1
        self.over("delivered")
        return partial(retention.texts_expire, now=timezone.now() + timedelta(days=2))

    def erasing_in_time(self) -> Call:
        self.settings.TEXT_RETENTION_DAYS = 1
        retention.retention_begin()
        return partial(retention.retention_stop, self.root)

    def view(self) -> SavedView:
        audience = Audience.from_text("queue:sales")
        return saved_view_create(self.root, name="Sales", audience=audience)

    def search(self) -> SavedSearch:
        return saved_search_create(self.root, name="Unknown", query={"status": "unknown"})

    def webhook(self) -> Webhook:
        return webhook_create(
            self.root, name="Desk", url="https://1.1.1.1/", events=["send.finished"]
        )[0]

    def export(self, status: str = "waiting", **values: Any) -> ExportJob:
        job = export_order(self.root, order=Order.read("history", "csv", {}))
        ExportJob.objects.filter(pk=job.pk).update(status=status, sha256="0" * 64, **values)
        job.refresh_from_db()
        return job

    def taken_message(self) -> Message:
        message = webhook_test(self.root, self.webhook())
        Message.objects.update(status="taken", ended_at=timezone.now())
        return message

    def playbook_content(self) -> PlaybookContent:
        """Three stages: one stands, so that its incident needs no chats."""
        key = self.make_notice().notice.key
        known = {"name": "Known", "notice": key, "is_standing": True, "update_minutes": 15}
        stages = [known, {**known, "name": "Update"}, {**known, "name": "Solved"}]
        return PlaybookContent.read(
            {"audience": {"queue": "sales"}, "stages": stages, "is_for_emergency": True}
        )

    def playbook_draft(self) -> PlaybookVersion:
        content = self.playbook_content()
        return playbook_create(self.author, key="outage", title="Outage", content=content)

    def playbook_submitted(self) -> PlaybookVersion:
        return playbooks.version_submit(self.author, self.playbook_draft())

    def playbook(self) -> Playbook:
        return playbooks.version_approve(self.approver, self.playbook_submitted()).playbook

    def incident(self, *, is_overdue: bool = False, is_paused: bool = False) -> Incident:
        """One that runs, with its first stage so."""
        incident = incident_start(self.sender, self.playbook(), why="It is down.")
        if is_overdue:
            incident.stages.update(due_at=timezone.now() - timedelta(minutes=1))
        if is_paused:
            stage_pause(self.sender, incident)
        return incident

    def emergency(self) -> Incident:
        self.settings.EMERGENCY_CONFIRM_MINUTES = 5
        return incident_start(self.sender, self.playbook(), why="It is down.", is_emergency=True)

    def stopped(self) -> Call:
        stop_switch.sending_stop(self.root, reason="A rehearsal")
        return partial(stop_switch.sending_restart, self.root)


def soon() -> Any:
    return timezone.now() + timedelta(hours=1)
