"""The jobs by which standing stages look for new chats: none waits for one of a lost worker."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from console.accounts.models import User
from console.incidents.models import StageTarget
from console.interactions.models import ChatServer, Interaction
from tests.incidents.incident_world import make_payments, start
from tests.support.working import work

pytestmark = pytest.mark.django_db(transaction=True)
FOLLOW = "console.incidents.tasks.follow"


def test_a_stage_goes_on_beside_the_job_of_a_lost_worker(
    supervisor: User,
    chat_server: ChatServer,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Interaction],
) -> None:
    start(supervisor, make_payments(make_notice))
    app.configure_task(FOLLOW).defer(timestamp=0)
    with connection.cursor() as cursor:  # as it stays when its worker is killed
        cursor.execute(
            "WITH worker AS (INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id) "
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM worker) "
            "WHERE task_name = %s",
            [FOLLOW],
        )
        assert cursor.rowcount == 1
    chat = make_interaction("late", queue="sales")
    app.configure_task(FOLLOW).defer(timestamp=2)
    work()
    assert [target.interaction_id for target in StageTarget.objects.all()] == [chat.pk]


def test_no_job_waits_for_one_that_runs() -> None:
    """A lost worker's job is cleared after half a minute: so long its lock would keep others."""
    ours = {name: task for name, task in app.tasks.items() if name.startswith("console.")}
    assert FOLLOW in ours
    assert {name for name, task in ours.items() if task.lock is not None} == set()
