"""Writes webhooks, for administrators."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database import notifications
from console.database.clock import database_now
from console.editing.revision import changes, require_unchanged
from console.editing.rotation import OVERLAPS
from console.errors import Conflict, InvalidInput, NotFound
from console.text.inputs import read_name
from console.text.moments import moment_text
from console.text.sentences import term
from console.webhooks import destinations, signing
from console.webhooks.models import EventType, MessageStatus, Webhook
from console.webhooks.services.gathering import mark_begin
from console.webhooks.states import recorded_state, secret_seen, webhook_state
from console.webhooks.told import WEBHOOK

EDITABLE = ("name", "url", "events", "enabled")
# Every webhook may be called for every event; a site needs few.
MOST = 50


def webhook_create(
    actor: Actor, *, name: str, url: str, events: Iterable[str], enabled: bool = True
) -> tuple[Webhook, str]:
    """Create a webhook for `events`, and return it with its secret, which can't be read again.

    Raises InvalidInput for a missing name, an address that can't or may not be called, and missing
    or unknown events; Conflict for a name in use, or if there are too many.
    """
    actor.require(Permission.ADMINISTER)
    destinations.check(url)  # before the transaction, since it looks up the name
    secret = signing.new_secret()
    webhook = Webhook(secret=signing.sealed(secret))
    _set(webhook, {"name": name, "url": url, "events": events, "enabled": enabled})
    try:
        with transaction.atomic():
            mark_begin()
            if Webhook.objects.count() >= MOST:
                raise Conflict(
                    "too_many_webhooks",
                    "There are {limit} webhooks already. Delete one that nobody needs any more.",
                    limit=MOST,
                )
            webhook.save()
            notifications.publish(notifications.WEBHOOKS)
            state = recorded_state(webhook)
            state.pop("name")
            state |= told((WEBHOOK, webhook.pk))
            audit.record(actor, Action.WEBHOOK_CREATED, target=target(webhook), data=state)
    except IntegrityError as error:
        raise _name_taken(name) from error
    return webhook, secret


def webhook_update(
    actor: Actor, webhook: Webhook, *, expected: str | None = None, **values: Any
) -> Webhook:
    """Change a webhook's `name`, `url`, `events` or `enabled`; its secret stays. While it is not
    enabled nothing is sent, what waits goes on waiting, and what happens is not told to it.

    With `expected`, the revision of the state that was shown, Conflict where it is another. Raises
    what `webhook_create` raises.
    """
    actor.require(Permission.ADMINISTER)
    unknown = sorted(set(values) - set(EDITABLE))
    if unknown:
        raise InvalidInput(
            "unknown_field", "A webhook has no {unknown} to change.", unknown=unknown
        )
    if "url" in values and values["url"] != webhook.url:
        destinations.check(values["url"])
    try:
        with transaction.atomic():
            locked = lock(webhook)
            before = recorded_state(locked)
            require_unchanged(webhook_state(locked), expected, str(webhook))
            _set(locked, {**{name: getattr(locked, name) for name in EDITABLE}, **values})
            locked.save(update_fields=EDITABLE)
            changed = changes(before, recorded_state(locked))
            if changed:
                notifications.publish(notifications.WEBHOOKS)
                data = {**changed, **told((WEBHOOK, locked.pk))}
                audit.record(actor, Action.WEBHOOK_CHANGED, target=target(locked), data=data)
    except IntegrityError as error:
        raise _name_taken(str(values["name"])) from error
    return locked


def webhook_secret_rotate(
    actor: Actor, webhook: Webhook, *, overlap: timedelta, expected: str | None = None
) -> tuple[Webhook, str]:
    """Give a webhook a new secret, which can't be read again.

    For `overlap`, one of OVERLAPS, the old secret signs each message too; an earlier one ends now.
    `expected` is the page's result of `secret_seen`. Raises Conflict if the webhook has got another
    secret since.
    """
    actor.require(Permission.ADMINISTER)
    if overlap not in OVERLAPS:
        raise InvalidInput(
            "invalid_overlap",
            "The old secret may sign for no time, an hour or a day: choose one of these.",
            {"field": "overlap"},
        )
    secret = signing.new_secret()
    with transaction.atomic():
        locked = lock(webhook)
        if expected is not None and secret_seen(locked) != expected:
            raise Conflict(
                "changed_meanwhile",
                "No new secret was made: {name} has got another one since you opened this page. "
                "Look whether that is the one you need.",
                name=locked,
            )
        until = database_now() + overlap if overlap else None
        locked.previous_secret = locked.secret if overlap else ""
        locked.previous_secret_until = until
        locked.secret = signing.sealed(secret)
        locked.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
        notifications.publish(notifications.WEBHOOKS)
        data = {"old_secret_until": moment_text(until), **told((WEBHOOK, locked.pk))}
        audit.record(actor, Action.WEBHOOK_SECRET_ROTATED, target=target(locked), data=data)
    return locked, secret


def webhook_delete(actor: Actor, webhook: Webhook) -> None:
    """Delete a webhook with all its messages."""
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        locked = lock(webhook)
        waiting = locked.messages.filter(status=MessageStatus.WAITING).count()
        where, pk = target(locked), locked.pk
        locked.delete()
        notifications.publish(notifications.WEBHOOKS)
        data = {"waiting": waiting, **told((WEBHOOK, pk))}
        audit.record(actor, Action.WEBHOOK_DELETED, target=where, data=data)


def webhook_secrets_reencrypt(actor: Actor) -> int:
    """Encrypt all secrets with the present secret key, and return the number of webhooks.

    After that no old secret key is needed.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        webhooks = list(Webhook.objects.select_for_update().order_by("pk"))
        for webhook in webhooks:
            webhook.secret = signing.sealed(signing.unsealed(webhook.secret))
            if webhook.previous_secret:
                webhook.previous_secret = signing.sealed(signing.unsealed(webhook.previous_secret))
            webhook.save(update_fields=["secret", "previous_secret"])
        data = {"webhooks": len(webhooks)}
        where = ("key", "secret", "the secret key")
        audit.record(actor, Action.WEBHOOK_SECRETS_REENCRYPTED, target=where, data=data)
    return len(webhooks)


def webhooks_stop_after_restore(actor: Actor) -> int:
    """Switch all webhooks off after a restore, and return how many were on.

    Call it in a transaction. Their addresses, secrets and waiting messages are as old as the
    backup.
    """
    records = []
    for webhook in Webhook.objects.select_for_update().filter(enabled=True).order_by("pk"):
        webhook.enabled = False
        webhook.save(update_fields=["enabled"])
        data = {"enabled": {"from": True, "to": False}, **told((WEBHOOK, webhook.pk))}
        records.append(audit.Record(Action.WEBHOOK_CHANGED, target(webhook), data))
    audit.record_many(actor, records)
    notifications.publish(notifications.WEBHOOKS)
    return len(records)


def lock(webhook: Webhook) -> Webhook:
    """Lock and reload a webhook. Raises NotFound if it was deleted meanwhile."""
    locked = Webhook.objects.select_for_update().filter(pk=webhook.pk).first()
    if locked is None:
        raise NotFound("webhook_not_found", "{webhook} was deleted meanwhile.", webhook=webhook)
    return locked


def target(webhook: Webhook) -> audit.Target:
    return "webhook", webhook.pk, webhook.name


def _set(webhook: Webhook, given: dict[str, Any]) -> None:
    """Set the given values, once all of them are valid."""
    name = read_name(given["name"], term("the webhook"))
    webhook.events = _read_events(given["events"])
    webhook.name, webhook.url = name, given["url"]
    webhook.enabled = given["enabled"]


def _read_events(events: Iterable[str]) -> list[str]:
    wanted = set(events)
    unknown = sorted(wanted - set(EventType.values))
    if unknown or not wanted:
        raise InvalidInput(
            "unknown_event",
            term(
                "Choose at least one event from {known}; {unknown} is none of them.",
                known=EventType.values,
                unknown=", ".join(unknown)[:100],
            )
            if unknown
            else term("Choose at least one event from {known}.", known=EventType.values),
            {"field": "events"},
        )
    return [value for value in EventType.values if value in wanted]


def _name_taken(name: str) -> Conflict:
    return Conflict(
        "name_taken",
        "There is a webhook named {name} already. Choose another name.",
        {"field": "name"},
        name=name.strip(),
    )
