"""What `make torture` found once, and must not come back."""

import threading
import time
from uuid import uuid4

import pytest
from django.db import connection, transaction

from console.audit.models import AuditEntry
from console.sends.models import Claim, Delivery
from console.sends.services import send_create
from console.sends.services.deliveries import deliveries_recover, drain_step

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE_SECONDS = 30


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE NOT granted AND datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def test_what_somebody_holds_in_the_moment_of_recovery_is_recovered_too(
    chat_server, supervisor, make_notice, make_interaction
):
    """Cancelling locks also what has just been claimed. A recovery passed over it and forgot its
    claim, and so it was on its way for ever."""
    ids = [make_interaction(f"t{index}").pk for index in range(2)]
    send = send_create(supervisor.to_actor(), notice_key=make_notice().notice.key, interactions=ids)
    held, _free = drain_step(chat_server.pk, claim=uuid4(), room=2).claimed
    counts = []

    def recover() -> None:
        counts.append(deliveries_recover(chat_server.name))
        connection.close()

    recovery = threading.Thread(target=recover)
    with transaction.atomic():
        Delivery.objects.select_for_update().get(pk=held.id)
        recovery.start()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while recovery.is_alive() and not waits_for_a_lock():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    recovery.join(DEADLINE_SECONDS)
    assert counts == [2]
    assert set(send.deliveries.values_list("status", flat=True)) == {"unknown"}
    assert not Claim.objects.exists()
    assert AuditEntry.objects.filter(action="delivery.unknown").count() == 2
