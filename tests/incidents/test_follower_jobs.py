"""The jobs by which standing stages look for new chats: none waits for one of a lost worker, and no
incident for one that fails."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django import app

from console.accounts.models import User
from console.incidents.models import StageTarget
from console.incidents.services.following import incidents_follow
from console.incidents.services.incidents import lock_incident
from console.interactions.models import ChatServer, Interaction
from tests.incidents.incident_world import KNOWN, make_payments, start
from tests.support.factories import make_playbook
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


def test_an_incident_that_fails_keeps_none_of_the_others_waiting(
    supervisor: User,
    chat_server: ChatServer,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Interaction],
) -> None:
    broken = start(supervisor, make_payments(make_notice))
    whole = start(supervisor, make_playbook("billing", {"queue": "billing"}, KNOWN))
    assert broken.pk < whole.pk
    broken.stages.update(content={"nobody": "reads this"})
    make_interaction("late", queue="billing")
    with pytest.raises(TypeError):
        incidents_follow()
    assert StageTarget.objects.get().stage.incident == whole


def test_an_incident_at_which_somebody_else_is_is_looked_at_again(
    supervisor: User,
    chat_server: ChatServer,
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Interaction],
) -> None:
    """Two jobs overlap for a moment. The later one goes on alone."""
    incident = start(supervisor, make_payments(make_notice))
    make_interaction("late", queue="sales")
    found = []

    def follow() -> None:
        found.append(incidents_follow())
        connection.close()

    with transaction.atomic():
        lock_incident(incident)
        other = Thread(target=follow)
        other.start()
        other.join()
    assert found == [True]
    assert not StageTarget.objects.exists()
    assert incidents_follow()
    assert StageTarget.objects.exists()
