"""The search of the history is written while texts are erased: none of them comes back."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from console.interactions.models import Interaction
from console.sends.control.erasure import interaction_erase
from console.sends.engine.record import deliveries_expire
from console.sends.history.filling import history_fill
from console.sends.models import HistoryPart
from tests.support.demos import until
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


def erase(interaction_id: str) -> None:
    try:
        interaction_erase(ROOT, interaction_id=interaction_id)
    finally:
        connection.close()


def test_an_erasure_waits_for_parts_that_are_just_written(make_send: Callable[..., Any]) -> None:
    send = make_send(1)
    deliveries_expire(timezone.now() + timedelta(hours=1))
    Interaction.objects.update(ended_at=timezone.now())
    assert history_fill() == 1
    part = HistoryPart.objects.get()
    assert "Zoë" in part.text
    type(send).objects.update(is_searchable=False)
    HistoryPart.objects.all().delete()
    chat = send.deliveries.get().interaction_id
    # A worker has read the texts and written a part of them, and has not committed yet.
    with psycopg.connect(**connection.get_connection_params()) as worker:
        worker.execute("SELECT 1 FROM sends_send WHERE id = %s FOR NO KEY UPDATE", [send.pk])
        worker.execute(
            "INSERT INTO sends_historypart (send_id, first_id, last_id, marks, text) "
            "VALUES (%s, %s, %s, %s, %s)",
            [send.pk, part.first_id, part.last_id, part.marks, part.text],
        )
        worker.execute("UPDATE sends_send SET is_searchable = TRUE WHERE id = %s", [send.pk])
        with ThreadPoolExecutor(1) as pool:
            erasing = pool.submit(erase, chat)
            until(lambda: erasing.done() or _is_waited_for(worker.info.backend_pid))
            worker.commit()
            erasing.result(60)
    assert not HistoryPart.objects.exists()
    assert history_fill() == 1
    assert HistoryPart.objects.get().text == chat


def _is_waited_for(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [pid]
        )
        return bool(cursor.fetchone()[0])
