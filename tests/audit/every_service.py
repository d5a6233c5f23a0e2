"""Every service that writes, and how to call each in a small world.

**A new service?** Add a line to `CALLS`: from the world make what it needs, and answer the call
itself, not made yet. Only what records nothing by design stands in `UNRECORDED`, and what is only
ever called inside of another service in `PARTS`, each with its reason.
"""

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.utils import timezone

import console
from console.accounts import services as accounts
from console.accounts.models import User
from console.accounts.services import directory, security
from console.actors import Actor
from console.audit import services as audit
from console.audit.checkpoints import new_key
from console.catalogue import services as catalogue
from console.catalogue.models import NoticeVersion, VisibilityPreset
from console.interactions import services as interactions
from console.interactions.models import ChatServer, Interaction
from console.sends import services as sends
from console.sends.models import Delivery, DeliveryStatus, Outbox, Send, SendStatus
from console.sends.services import deliveries, erasing, switch
from console.sends.services.endings import Ending
from tests.architecture.services_found import takes_actor, writing_functions

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
        return self.person

    def draft(self) -> NoticeVersion:
        notice = catalogue.notice_create(self.author, key="draft", kind="message", title="Draft")
        return catalogue.version_create(
            self.author, notice, default_locale="en", bodies={"en": "Hello"}
        )

    def submitted(self) -> NoticeVersion:
        return catalogue.version_submit(self.author, self.draft())

    def send(self, *, interactions: Sequence[str] = (), **arguments: Any) -> Send:
        return sends.send_create(
            self.sender,
            notice_key=self.make_notice("Hello").notice.key,
            interactions=interactions or [self.make_interaction().pk],
            **arguments,
        )

    def large_send(self, **arguments: Any) -> Send:
        """One that awaits approval."""
        self.settings.APPROVAL_ABOVE = 1
        ids = [self.make_interaction().pk, self.make_interaction().pk]
        return self.send(interactions=ids, **arguments)

    def ended(self, status: str, **arguments: Any) -> Send:
        """A send whose one delivery has ended, and which is itself still under way."""
        send = self.send(**arguments)
        now = timezone.now()
        Delivery.objects.filter(send=send).update(status=status, finished_at=now)
        Outbox.objects.filter(send=send).delete()
        return send

    def over(self, status: str) -> Send:
        send = self.ended(status)
        deliveries.sends_finish([send.pk])
        return send

    def cancelled_with_one_waiting(self) -> None:
        send, now = self.send(), timezone.now()
        Send.objects.filter(pk=send.pk).update(status=SendStatus.CANCELLED, finished_at=now)

    def claimed(self) -> deliveries.Step:
        """One delivery on the wire."""
        self.send()
        return deliveries.drain_step(self.server.pk, claim=uuid4(), room=1)

    def step_with_an_ending(self) -> Call:
        (delivery,) = self.claimed().claimed
        ending = Ending(delivery, DeliveryStatus.UNKNOWN)
        return partial(deliveries.drain_step, self.server.pk, claim=uuid4(), endings=[ending])

    def another_key(self) -> Call:
        self.settings.AUDIT_KEY, self.settings.CHECKPOINTS_TO = new_key(), ""
        self.draft()
        audit.checkpoint_make()
        self.settings.AUDIT_KEY = new_key()
        self.make_notice()
        return audit.checkpoint_make

    def exporting(self) -> Call:
        self.settings.AUDIT_KEY = new_key()
        return partial(audit.audit_export, self.root, BytesIO())

    def archiving(self) -> Call:
        self.settings.AUDIT_KEY, self.settings.CHECKPOINTS_TO = new_key(), ""
        long_ago = timezone.now() - timedelta(days=60)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(timezone, "now", lambda: long_ago)
            self.draft()
            audit.checkpoint_make()
        self.make_notice()
        before = timezone.now() - timedelta(days=30)
        return partial(audit.audit_archive, self.root, before=before, folder=self.folder)

    def proving(self) -> Call:
        self.settings.AUDIT_KEY, self.settings.CHECKPOINTS_TO = new_key(), ""
        auditor = replace(self.sender, permissions=self.root.permissions)
        send = self.over("delivered")
        audit.checkpoint_make()
        return partial(sends.send_prove, auditor, send, BytesIO())

    def ended_chat(self) -> str:
        send = self.over("delivered")
        (pk,) = send.target["interactions"]
        Interaction.objects.filter(pk=pk).update(ended_at=timezone.now())
        return str(pk)

    def kept_for_too_long(self) -> Call:
        self.settings.TEXT_RETENTION_DAYS = 1
        self.over("delivered")
        return partial(erasing.texts_expire, now=timezone.now() + timedelta(days=2))

    def stopped(self) -> Call:
        switch.sending_stop(self.root, reason="A rehearsal")
        return partial(switch.sending_restart, self.root)


def soon() -> Any:
    return timezone.now() + timedelta(hours=1)


CALLS: dict[str, Callable[[World], Call]] = {
    "accounts.api_client_create": lambda w: partial(
        accounts.api_client_create, w.root, name="Flow", scopes=["feed"]
    ),
    "accounts.own_sessions_end": lambda w: partial(
        security.own_sessions_end, w.person, [w.session()]
    ),
    "accounts.password_changed": lambda w: partial(security.password_changed, w.person),
    "accounts.second_factor_changed": lambda w: partial(
        security.second_factor_changed, w.person, "added", "totp"
    ),
    "accounts.second_factor_failed": lambda w: partial(
        security.second_factor_failed, w.person, "127.0.0.1"
    ),
    "accounts.sign_in_failed": lambda w: partial(
        security.sign_in_failed, "sue", "127.0.0.1", locked=False
    ),
    "accounts.signed_in": lambda w: partial(
        security.signed_in, w.person, "127.0.0.1", ["password"]
    ),
    "accounts.signed_out": lambda w: partial(security.signed_out, w.person, "127.0.0.1"),
    "accounts.team_create": lambda w: partial(
        accounts.team_create, w.root, name="Orders", queues=["orders"]
    ),
    "accounts.user_create": lambda w: partial(
        accounts.user_create, w.root, username="ada", password="long enough", roles=["editor"]
    ),
    "accounts.user_from_directory": lambda w: partial(
        directory.user_from_directory, username="dora", roles=["editor"]
    ),
    "accounts.user_release": lambda w: partial(security.user_release, w.root, w.locked()),
    "accounts.user_roles_follow": lambda w: partial(
        directory.user_roles_follow, w.person, roles=["editor"]
    ),
    "accounts.user_second_factor_reset": lambda w: partial(
        security.user_second_factor_reset, w.root, w.with_second_factor()
    ),
    "audit.audit_archive": lambda w: w.archiving(),
    "audit.audit_export": lambda w: w.exporting(),
    "audit.checkpoint_make": lambda w: w.another_key(),
    "catalogue.notice_create": lambda w: partial(
        catalogue.notice_create, w.root, key="new", kind="message", title="New", category="Any"
    ),
    "catalogue.notice_retire": lambda w: partial(
        catalogue.notice_retire, w.root, w.make_notice().notice
    ),
    "catalogue.notice_update": lambda w: partial(
        catalogue.notice_update, w.root, w.make_notice().notice, title="Other", category="Any"
    ),
    "catalogue.preset_create": lambda w: partial(
        catalogue.preset_create, w.root, name="Desk", visibility="INT"
    ),
    "catalogue.preset_update": lambda w: partial(
        catalogue.preset_update, w.root, VisibilityPreset.objects.first(), nickname="Desk"
    ),
    "catalogue.version_approve": lambda w: partial(
        catalogue.version_approve, w.root, w.submitted()
    ),
    "catalogue.version_create": lambda w: partial(
        catalogue.version_create,
        w.author,
        w.make_notice().notice,
        default_locale="en",
        bodies={"en": "Other"},
    ),
    "catalogue.version_reject": lambda w: partial(
        catalogue.version_reject, w.root, w.submitted(), reason="Too long"
    ),
    "catalogue.version_submit": lambda w: partial(catalogue.version_submit, w.author, w.draft()),
    "catalogue.version_update": lambda w: partial(
        catalogue.version_update, w.author, w.draft(), bodies={"en": "Other"}
    ),
    "interactions.chat_server_create": lambda w: partial(
        interactions.chat_server_create, w.root, name="chat-west", url="esp+json://127.0.0.1:9"
    ),
    "interactions.chat_server_update": lambda w: partial(
        interactions.chat_server_update, w.root, w.server, enabled=False
    ),
    "sends.deliveries_abandon": lambda w: (
        w.cancelled_with_one_waiting() or deliveries.deliveries_abandon
    ),
    "sends.deliveries_expire": lambda w: w.send() and partial(deliveries.deliveries_expire, soon()),
    "sends.deliveries_recover": lambda w: (
        w.claimed() and partial(deliveries.deliveries_recover, "chat-east")
    ),
    "sends.drain_step": lambda w: w.step_with_an_ending(),
    "sends.interaction_erase": lambda w: partial(
        sends.interaction_erase, w.root, interaction_id=w.ended_chat()
    ),
    "sends.send_approve": lambda w: partial(sends.send_approve, w.approver, w.large_send()),
    "sends.send_cancel": lambda w: partial(sends.send_cancel, w.sender, w.send()),
    "sends.send_create": lambda w: partial(
        sends.send_create,
        w.sender,
        notice_key=w.make_notice().notice.key,
        interactions=[w.make_interaction().pk],
    ),
    "sends.send_pause": lambda w: partial(sends.send_pause, w.sender, w.send()),
    "sends.send_prove": lambda w: w.proving(),
    "sends.send_reject": lambda w: partial(
        sends.send_reject, w.approver, w.large_send(), reason="Too many"
    ),
    "sends.send_reschedule": lambda w: partial(
        sends.send_reschedule, w.sender, w.send(scheduled_at=soon()), scheduled_at=soon()
    ),
    "sends.send_resume": lambda w: partial(
        sends.send_resume, w.sender, sends.send_pause(w.sender, w.send())
    ),
    "sends.send_retry_failed": lambda w: partial(
        sends.send_retry_failed, w.sender, w.over("failed")
    ),
    "sends.send_retry_unknown": lambda w: partial(
        sends.send_retry_unknown, w.sender, w.over("unknown"), may_show_twice=True
    ),
    "sends.sending_restart": lambda w: w.stopped(),
    "sends.sending_stop": lambda w: partial(switch.sending_stop, w.root, reason="A rehearsal"),
    "sends.sends_finish": lambda w: partial(deliveries.sends_finish, [w.ended("delivered").pk]),
    "sends.sends_release": lambda w: (
        w.send(undo_seconds=5) and partial(deliveries.sends_release, soon())
    ),
    "sends.texts_expire": lambda w: w.kept_for_too_long(),
}

UNRECORDED = {
    "accounts.api_client_seen": "when a token was last used is no decision, and each request's",
    "interactions.chat_server_reached": "health is what workers see, many times a minute",
    "interactions.chat_server_unreachable": "the same",
    "interactions.chat_server_return_tokens": "the bucket that paces a Chat Server",
    "interactions.chat_server_take_tokens": "the same",
    "interactions.feed_apply": "what happens in the contact centre, not what is done here",
    "interactions.interactions_forget": "by the retention that is set, every night",
    "sends.deliveries_follow": "what waits goes where its chat is; its entry says where it went",
    "sends.outbox_renew": "part of starting again, which is recorded",
    "sends.outcomes_count": "counts the ledger's own entries",
    "sends.send_preview": "looks, and writes nothing",
    "sends.worker_gone": "workers come and go",
    "sends.worker_seen": "the same",
    "sends.workers_forget": "the same",
}

PARTS = {
    "audit.record": "of all of them",
    "audit.record_many": "the same",
    "sends.claim_due": "of drain_step",
    "sends.end_send": "of send_cancel and send_reject",
    "sends.new_send": "of send_create and the retries",
    "sends.outbox_move": "of send_approve, send_reschedule and send_resume",
    "accounts.directory_account_keep": "of user_from_directory, in the request that signs in",
    "interactions.interaction_blank": "of interaction_erase",
    "sends.record_control": "of send_pause and its like",
    "sends.send_write": "of send_create and the retries",
    "sends.write_records": "of all that ends deliveries",
    "sends.write_endings": "of drain_step and what else ends deliveries",
    "sends.write_postponements": "the same",
}


# --- All there are -----------------------------------------------------------------------------


def service_modules() -> Iterator[tuple[str, ModuleType]]:
    """Each app's name with its module of services, or with each module of that package."""
    for app in pkgutil.iter_modules(console.__path__):
        found = f"console.{app.name}.services"
        if not app.ispkg or importlib.util.find_spec(found) is None:
            continue
        package = importlib.import_module(found)
        yield app.name, package
        for inner in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{found}."):
            yield app.name, importlib.import_module(inner.name)


def public_functions() -> dict[str, FunctionType]:
    """What the services' modules define, and what their packages export of others."""
    found: dict[str, FunctionType] = {}
    for app, module in service_modules():
        exported = getattr(module, "__all__", ())
        for name, member in vars(module).items():
            is_own = inspect.isfunction(member) and member.__module__ == module.__name__
            if not name.startswith("_") and (is_own or name in exported):
                if not inspect.isfunction(member):
                    continue
                known = found.setdefault(f"{app}.{name}", member)
                assert known is member, f"two functions are named {name} in the services of {app}"
    return found


def services() -> set[str]:
    """All that take the actor first or write."""
    writing = writing_functions([module for _app, module in service_modules()])
    return {
        name
        for name, function in public_functions().items()
        if takes_actor(function) or function in writing
    }
