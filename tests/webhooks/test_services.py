"""What administrators do with webhooks, and what the trail has of it."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.errors import Conflict, ConsoleError, InvalidInput, NotFound
from console.webhooks import signing
from console.webhooks.models import Attempt, Message, Webhook
from console.webhooks.services import (
    message_redeliver,
    messages_forget,
    webhook_create,
    webhook_delete,
    webhook_secret_rotate,
    webhook_test,
    webhook_update,
)
from console.webhooks.services.webhooks import MOST
from console.webhooks.states import secret_seen
from tests.support.entries import without_rows
from tests.support.factories import PUBLIC, ROOT, make_public_webhook

pytestmark = pytest.mark.django_db


def last_entry() -> AuditEntry:
    return AuditEntry.objects.latest("seq")


def refusal(name: str = "CRM", url: str = PUBLIC, events: Any = ("send.finished",)) -> str:
    with pytest.raises(ConsoleError) as refused:
        webhook_create(ROOT, name=name, url=url, events=events)
    return refused.value.code


def test_what_is_wrong_is_refused_with_its_name() -> None:
    make_public_webhook("Taken")
    assert refusal(name=" ") == "name_missing"
    assert refusal(name="x" * 101) == "name_too_long"
    assert refusal(name="Taken ") == "name_taken"
    assert refusal(events=[]) == "unknown_event"
    assert refusal(events=["send.finished", "webhook.test"]) == "unknown_event"
    assert refusal(url="ftp://1.1.1.1/") == "invalid_webhook_url"
    assert refusal(url="http://1.1.1.1/") == "https_required"
    assert refusal(url="https://localhost/") == "webhook_address_refused"
    assert Webhook.objects.count() == 1


def test_only_administrators_may(supervisor: User) -> None:
    with pytest.raises(ConsoleError) as refused:
        webhook_create(supervisor.to_actor(), name="x", url=PUBLIC, events=["send.finished"])
    assert refused.value.code == "permission_refused"


def test_there_are_only_so_many() -> None:
    kept = make_public_webhook()
    Webhook.objects.bulk_create(
        Webhook(name=f"n{n}", url=PUBLIC, events=kept.events, secret="") for n in range(MOST - 1)
    )
    assert refusal() == "too_many_webhooks"


def test_the_trail_has_all_but_secrets_and_paths() -> None:
    url = "https://1.1.1.1:8443/services/T0/B0/hidden?token=hidden"
    webhook, first = webhook_create(ROOT, name="CRM", url=url, events=["send.finished"])
    created = last_entry()
    assert (created.action, created.target_name) == ("webhook.created", "CRM")
    assert created.data["url"].startswith("https://1.1.1.1:8443/… (sha256 ")
    assert created.data["events"] == ["send.finished"]

    webhook_update(ROOT, webhook, url=f"{url}&more=1", enabled=False)
    changed = last_entry()
    assert changed.action == "webhook.changed"
    assert set(without_rows(changed)) == {"url", "enabled"}
    assert changed.data["enabled"] == {"from": True, "to": False}
    assert changed.data["url"]["from"] != changed.data["url"]["to"]

    _webhook, second = webhook_secret_rotate(ROOT, webhook, overlap=timedelta(hours=1))
    assert last_entry().action == "webhook.secret_rotated"
    webhook_update(ROOT, webhook, enabled=True)
    message = webhook_test(ROOT, webhook)
    assert (last_entry().action, last_entry().data) == ("webhook.tested", {"message": message.key})
    Message.objects.update(status="given_up")
    message_redeliver(ROOT, message)
    assert last_entry().action == "webhook.redelivered"
    webhook_delete(ROOT, webhook)
    assert (last_entry().action, without_rows(last_entry())) == ("webhook.deleted", {"waiting": 1})

    ledger = json.dumps(list(AuditEntry.objects.values_list("data", flat=True)))
    for secret in (first, second, "hidden"):
        assert secret.removeprefix(signing.PREFIX) not in ledger


def test_a_change_of_nothing_is_no_entry() -> None:
    webhook = make_public_webhook()
    before = last_entry().seq
    webhook_update(ROOT, webhook, name=webhook.name, url=webhook.url)
    assert last_entry().seq == before


def test_an_address_that_may_not_be_called_any_more_can_still_be_switched_off(
    settings: Any,
) -> None:
    settings.WEBHOOK_HTTP = True
    webhook, _secret = webhook_create(
        ROOT, name="Old", url="http://1.1.1.1/", events=["send.finished"]
    )
    settings.WEBHOOK_HTTP = False
    assert not webhook_update(ROOT, webhook, enabled=False).enabled
    assert without_rows(last_entry()) == {"enabled": {"from": True, "to": False}}
    with pytest.raises(InvalidInput):
        webhook_update(ROOT, webhook, url="http://1.1.1.1/other")


def test_who_rotates_at_the_same_time_as_somebody_else_is_told() -> None:
    webhook = make_public_webhook()
    seen = secret_seen(webhook)
    webhook_secret_rotate(ROOT, webhook, overlap=timedelta(days=1), expected=seen)
    with pytest.raises(Conflict):
        webhook_secret_rotate(ROOT, webhook, overlap=timedelta(days=1), expected=seen)
    with pytest.raises(InvalidInput):
        webhook_secret_rotate(ROOT, webhook, overlap=timedelta(days=2))


def test_a_rotation_without_overlap_keeps_nothing_of_the_old_secret() -> None:
    webhook = make_public_webhook()
    webhook_secret_rotate(ROOT, webhook, overlap=timedelta(hours=1))
    webhook, newest = webhook_secret_rotate(ROOT, webhook, overlap=timedelta(0))
    webhook.refresh_from_db()
    assert (webhook.previous_secret, webhook.previous_secret_until) == ("", None)
    assert signing.unsealed(webhook.secret) == newest


def test_what_is_on_its_way_or_off_or_gone_is_not_sent_again() -> None:
    webhook = make_public_webhook()
    message = webhook_test(ROOT, webhook)
    with pytest.raises(Conflict) as waiting:
        message_redeliver(ROOT, message)
    assert waiting.value.code == "message_waiting"
    webhook_update(ROOT, webhook, enabled=False)
    for call in (lambda: message_redeliver(ROOT, message), lambda: webhook_test(ROOT, webhook)):
        with pytest.raises(Conflict) as off:
            call()
        assert off.value.code == "webhook_disabled"
    webhook_update(ROOT, webhook, enabled=True)
    Message.objects.all().delete()
    with pytest.raises(NotFound):
        message_redeliver(ROOT, message)
    Webhook.objects.all().delete()
    with pytest.raises(NotFound):
        webhook_test(ROOT, webhook)


def test_what_ended_long_ago_is_forgotten(settings: Any) -> None:
    settings.WEBHOOK_RETENTION_DAYS = 7
    webhook, now = make_public_webhook(), timezone.now()
    old, fresh, waiting = (webhook_test(ROOT, webhook) for _ in range(3))
    Attempt.objects.create(message=old, started_at=now)
    Message.objects.filter(pk=old.pk).update(status="taken", ended_at=now - timedelta(days=8))
    Message.objects.filter(pk=fresh.pk).update(status="given_up", ended_at=now - timedelta(days=6))
    assert messages_forget() == 1
    assert messages_forget() == 0
    assert set(Message.objects.all()) == {fresh, waiting}
    assert not Attempt.objects.exists()


def test_secrets_go_along_with_a_new_secret_key(settings: Any) -> None:
    webhook, first = webhook_create(ROOT, name="CRM", url=PUBLIC, events=["send.finished"])
    _webhook, second = webhook_secret_rotate(ROOT, webhook, overlap=timedelta(days=1))
    old, settings.SECRET_KEY = settings.SECRET_KEY, "a new one, also long enough"
    with pytest.raises(CommandError, match="CONSOLE_OLD_SECRET_KEYS"):
        call_command("rotate_webhook_secrets")
    settings.SECRET_KEY_FALLBACKS = [old]
    said = StringIO()
    call_command("rotate_webhook_secrets", stdout=said)
    assert "of 1 webhooks" in said.getvalue()
    settings.SECRET_KEY_FALLBACKS = []
    kept = Webhook.objects.get()
    assert signing.unsealed(kept.secret) == second
    assert signing.unsealed(kept.previous_secret) == first
    assert last_entry().action == "webhook_secrets.reencrypted"
