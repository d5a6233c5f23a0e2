"""The periodic tasks and the command: a round as workers make it, with a real witness."""

import asyncio
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from console.audit import tasks
from console.audit.models import AuditCosignature
from tests.audit.tlog.world import write
from tests.audit.witness.conftest import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


def waiting() -> list[str]:
    return sorted(
        ProcrastinateJob.objects.filter(status="todo").values_list("task_name", flat=True)
    )


def carry_out(name: str) -> None:
    """What a worker does with the job of a task that waits."""
    job = ProcrastinateJob.objects.get(task_name=name, status="todo")
    app.tasks[name].func()
    ProcrastinateJob.objects.filter(pk=job.pk).delete()


def test_a_round_signs_cosigns_and_publishes(world: World, tmp_path: Path) -> None:
    world.honest("x")
    world.policy("quorum x")
    write(5)
    tasks.checkpoint.func(0)
    assert waiting() == [tasks.TREE]
    carry_out(tasks.TREE)
    assert waiting() == [tasks.WITNESSES]
    carry_out(tasks.WITNESSES)
    assert waiting() == []
    assert AuditCosignature.objects.count() == 1
    published = (tmp_path / "outside/log/checkpoint").read_text()
    assert "\n— x.example/witness " in published


def test_without_a_policy_nobody_is_asked(ledger: str, settings: Any) -> None:
    write(5)
    tasks.checkpoint.func(0)
    carry_out(tasks.TREE)
    assert waiting() == []


def said(*, fails: bool = False) -> str:
    out = StringIO()
    if fails:
        with pytest.raises(CommandError) as failed:
            call_command("audit_witnesses", stdout=out)
        return out.getvalue() + str(failed.value)
    call_command("audit_witnesses", stdout=out)
    return out.getvalue()


def test_the_command_asks_and_tells(world: World) -> None:
    assert "There is no tree yet" in said(fails=True)
    write(5)
    tasks.checkpoint.func(0)
    tasks.tree.func()
    assert "CONSOLE_WITNESS_POLICY is not set" in said(fails=True)
    world.down("y")
    world.policy("quorum y")
    told = said(fails=True)
    assert "y: It can't be reached: " in told
    assert "No quorum has cosigned" in told
    world.honest("x")
    world.policy("group one any x y", "quorum one")
    told = said()
    assert f"Key of the log: {world.ledger}" in told
    assert "x: cosigned (newest: 5 entries, " in told
    assert "A quorum has cosigned 5 entries." in told


def test_it_asks_also_where_an_event_loop_runs_elsewhere(world: World) -> None:
    """Workers run these tasks in threads beside their event loop."""
    world.liar("z")
    world.policy("quorum z")
    write(2)
    tasks.checkpoint.func(0)
    tasks.tree.func()

    async def worker() -> None:
        await asyncio.to_thread(_in_a_thread)

    asyncio.run(worker())
    assert AuditCosignature.objects.count() == 1


def _in_a_thread() -> None:
    from django.db import connection

    try:
        tasks.witnesses.func()
    finally:
        connection.close()
