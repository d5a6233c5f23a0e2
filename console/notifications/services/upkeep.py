"""Writes an administrator's test mail, and deletes or drops what nobody needs any more."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from console.accounts.models import User
from console.accounts.services import counters
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput, PermissionRefused, TooManyRequests
from console.notifications.audience import Hearer
from console.notifications.models import OPEN, TEST, Matter, Notification, StandIn, Status
from console.notifications.services.outbox import mail_row

FORGOTTEN_AT_ONCE = 1_000
KEPT = timedelta(days=30)
# Test mails of one administrator.
TESTS, TESTS_SECONDS = 3, 600


def mail_test(actor: Actor) -> Notification:
    """Send a test mail to the acting administrator's own address, in the usual way.

    Raises Conflict if no mail server is set, InvalidInput without an address, TooManyRequests after
    a few.
    """
    actor.require(Permission.ADMINISTER)
    kind, _colon, key = actor.ref.partition(":")
    person = User.objects.filter(pk=key, is_active=True).first() if kind == "user" else None
    if person is None:
        raise PermissionRefused("only_people", "Only a person chooses this, for themselves.")
    if not settings.MAIL_SERVER:
        raise Conflict("mail_off", "No mail server is set: set CONSOLE_EMAIL_URL first.")
    if not person.email:
        raise InvalidInput(
            "no_mail_address", "You have no mail address. Give one on your page under People."
        )
    with transaction.atomic():
        _count_test(person)
        made = mail_row(TEST, Hearer(person), database_now())
        made.save()
        notifications.publish(notifications.MAIL)
        audit.record(actor, Action.MAIL_TESTED, target=("user", person.pk, person.username))
    return made


def _count_test(person: User) -> None:
    wait = counters.seconds_to_wait(f"mail-test-{person.pk}", limit=TESTS, seconds=TESTS_SECONDS)
    if wait:
        raise TooManyRequests(
            "too_many_test_mails",
            "You have sent {limit} test mails. The next may leave in {seconds} seconds.",
            retry_after=wait,
            limit=TESTS,
            seconds=wait,
        )


def matters_forget() -> int:
    """Delete matters, notifications and stand-ins that ended long ago. Return how many.

    At most FORGOTTEN_AT_ONCE of each are deleted.
    """
    before = database_now() - KEPT
    forgotten = 0
    for rows in (
        Notification.objects.filter(ended_at__lt=before),
        Matter.objects.filter(ended_at__lt=before).exclude(notifications__status__in=OPEN),
        StandIn.objects.filter(ends_at__lt=before),
    ):
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
        rows.model._default_manager.filter(pk__in=ids).delete()
        forgotten += len(ids)
    return forgotten


def notifications_drop_after_restore() -> int:
    """Drop what waits, after a restore: it may have been sent since the backup. Return how many.

    Call it in a transaction. What still waits for a decision is reminded of in its time.
    """
    now = database_now()
    waiting = Notification.objects.filter(status__in=OPEN)
    return waiting.update(status=Status.DROPPED, ended_at=now)
