"""Administrators look after webhooks: what they are told, whether it arrives, their secrets."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.accounts.models import User
from console.webhooks import signing
from console.webhooks.models import Attempt, Message, MessageStatus, Webhook
from console.webhooks.services import webhook_test, webhook_update
from tests.support.factories import PUBLIC, ROOT, make_public_webhook
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def adam(administrator: User) -> Client:
    return sign_in(Client(), administrator)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def page(webhook: Webhook, name: str = "webhook-detail") -> str:
    return reverse(name, args=[webhook.pk])


def shown_secret(response: Any) -> str:
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", response.content.decode()))
    return str(secret)


FORM = {"name": "CRM", "url": PUBLIC, "events": ["send.finished", "deliveries.unknown"]}


def test_without_webhooks_the_page_says_what_they_are_for(adam: Client) -> None:
    text = text_of(adam.get(reverse("webhook-list")))
    assert "No webhooks yet" in text
    assert reverse("webhook-create") in text


def test_one_is_added_and_its_secret_shown_once(adam: Client) -> None:
    answer = adam.post(reverse("webhook-create"), FORM)
    webhook = Webhook.objects.get()
    assert shown_secret(answer) == signing.unsealed(webhook.secret)
    assert webhook.events == ["send.finished", "deliveries.unknown"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    for name in ("webhook-detail", "webhook-secret"):
        assert "whsec_" not in text_of(adam.get(page(webhook, name)))
    assert "CRM" in text_of(adam.get(reverse("webhook-list")))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("url", "https://127.0.0.1/", "is no public address"),
        ("url", "http://1.1.1.1/", "must begin with https://"),
        ("url", "hooks", "Write the whole address"),
        ("name", "Desk", "There is a webhook named Desk already"),
        ("events", [], "Choose at least one event."),
        ("name", "", "Give the webhook a name."),
        ("url", "", "Give the address"),
    ],
)
def test_a_refusal_stands_beside_its_field(adam: Client, field: str, value: Any, said: str) -> None:
    make_public_webhook("Desk")
    answer = adam.post(reverse("webhook-create"), {**FORM, field: value})
    assert answer.status_code == 422
    assert said in " ".join(answer.context["form"].errors[field])
    assert Webhook.objects.count() == 1


def test_it_is_changed_and_who_was_slower_is_told(adam: Client) -> None:
    webhook = make_public_webhook()
    form = adam.get(page(webhook)).context["form"]
    given = {**FORM, "expected": form["expected"].value()}
    assert adam.post(page(webhook), given).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.name, len(webhook.events)) == ("CRM", 2)
    slower = adam.post(page(webhook), {**given, "name": "Mine"})
    assert slower.status_code == 422
    assert "Kept now: CRM" in text_of(slower)


def test_a_new_secret_stands_beside_the_old_one_for_a_while(adam: Client) -> None:
    webhook = make_public_webhook()
    old = signing.unsealed(webhook.secret)
    asked = adam.get(page(webhook, "webhook-secret"))
    expected = asked.context["question"].form["expected"].value()
    answer = adam.post(page(webhook, "webhook-secret"), {"overlap": "3600", "expected": expected})
    webhook.refresh_from_db()
    assert shown_secret(answer) == signing.unsealed(webhook.secret) != old
    assert signing.unsealed(webhook.previous_secret) == old
    assert "Two secrets sign now" in text_of(adam.get(page(webhook)))
    again = adam.post(page(webhook, "webhook-secret"), {"overlap": "0", "expected": expected})
    assert again.status_code == 409
    assert "whsec_" not in text_of(again)


def test_it_is_switched_off_and_on_and_deleted_after_a_question(adam: Client) -> None:
    webhook = make_public_webhook()
    webhook_test(ROOT, webhook)
    assert "Switch Desk off?" in text_of(adam.get(page(webhook, "webhook-off")))
    adam.post(page(webhook, "webhook-off"))
    webhook.refresh_from_db()
    assert not webhook.enabled
    text = text_of(adam.get(page(webhook)))
    assert "Switched off" in text
    assert page(webhook, "webhook-test") not in text
    adam.post(page(webhook, "webhook-on"))
    webhook.refresh_from_db()
    assert webhook.enabled

    question = text_of(adam.get(page(webhook, "webhook-delete")))
    assert "1 message still waits for it" in question
    assert Webhook.objects.exists()
    assert adam.post(page(webhook, "webhook-delete")).status_code == 302
    assert not Webhook.objects.exists()


def test_a_test_leads_to_its_message(adam: Client) -> None:
    webhook = make_public_webhook()
    answer = adam.post(page(webhook, "webhook-test"), follow=True)
    message = Message.objects.get()
    assert answer.request["PATH_INFO"].endswith(f"/messages/{message.pk}/")
    text = text_of(answer)
    assert message.key in text
    assert "None yet" in text
    webhook_update(ROOT, webhook, enabled=False)
    assert "is switched off" in text_of(adam.post(page(webhook, "webhook-test"), follow=True))


def test_a_message_shows_each_attempt_and_is_sent_again(adam: Client) -> None:
    webhook = make_public_webhook()
    message = webhook_test(ROOT, webhook)
    now = timezone.now()
    Attempt.objects.create(
        message=message,
        started_at=now,
        ended_at=now,
        milliseconds=1234,
        status_code=503,
        problem="It answers with a status that is none of success (2xx).",
        answer="<b>down</b>",
    )
    Attempt.objects.create(message=message, started_at=now.replace(year=2020, day=1))
    Message.objects.update(status=MessageStatus.GIVEN_UP, ended_at=now)
    address = reverse("webhook-message", args=[webhook.pk, message.pk])
    text = text_of(adam.get(address))
    for shown in ("503", "1,234 ms", "&lt;b&gt;down&lt;/b&gt;", "The worker stopped meanwhile"):
        assert shown in text
    assert "Fails" in text_of(adam.get(page(webhook)))

    again = reverse("webhook-message-again", args=[webhook.pk, message.pk])
    assert "on its way again" in text_of(adam.post(again, follow=True))
    message.refresh_from_db()
    assert message.status == MessageStatus.WAITING
    assert "wait for its next attempt" in text_of(adam.post(again, follow=True))


def test_messages_are_filtered_and_of_this_webhook_alone(adam: Client) -> None:
    webhook, other = make_public_webhook(), make_public_webhook("Other")
    message = webhook_test(ROOT, webhook)
    theirs = reverse("webhook-message", args=[other.pk, message.pk])
    assert adam.get(theirs).status_code == 404
    waiting = adam.get(page(webhook), {"status": "waiting"})
    assert "A test" in text_of(waiting)
    taken = adam.get(page(webhook), {"status": "taken"})
    assert "No message is in this state" in text_of(taken)
    assert adam.get(page(webhook), {"status": "nonsense"}).status_code == 422


def test_the_list_costs_the_same_however_long(
    adam: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        webhook_test(ROOT, make_public_webhook(f"Desk {number}"))
    with django_assert_max_num_queries(14):
        assert adam.get(reverse("webhook-list")).status_code == 200
