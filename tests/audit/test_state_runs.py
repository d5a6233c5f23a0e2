"""The comparison of state with history as people and workers run it: every night, on a page, and by
a command."""

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.services import user_update
from console.audit import metrics, tasks
from console.audit.models import AuditEntry, StateCheck
from console.audit.state import running
from console.audit.state.running import (
    Progress,
    compare_all,
    state_check_begin,
    state_check_go_on,
    state_check_stop,
)
from console.database.clock import near_now
from console.errors import Conflict
from console.sends.observe.troubles import troubles
from tests.support.factories import ROOT
from tests.support.scraping import scrape

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_outside(settings: Any) -> None:
    settings.CHECKPOINTS_TO = ""


def change_past_the_console() -> None:
    User.objects.filter(username="sue").update(roles=["administrator"])


def whole_run() -> StateCheck:
    assert state_check_begin()
    while state_check_go_on():
        pass
    return StateCheck.objects.get()


# --- Every night ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("supervisor")
def test_the_night_finds_it_and_says_so(client: Client) -> None:
    run = whole_run()
    assert (run.differences, run.ended_at == run.whole_at) == (0, True)
    assert [each.code for each in troubles() if each.code.startswith("state_")] == []
    change_past_the_console()
    run = whole_run()
    assert run.differences == 1
    (trouble,) = [each for each in troubles() if each.code == "state_differs"]
    assert "in 1 places" in trouble
    assert scrape(client)["console_state_differences",] == 1
    assert scrape(client)["console_state_compared_seconds",] < 60
    assert "roles is" in json.dumps([str(each) for each in Progress.read(run.result).sentences])


@pytest.mark.usefixtures("supervisor")
def test_who_never_compares_hears_of_it(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(metrics, "_waits_since", lambda since: 300_000.0 if since else 0.0)
    (trouble,) = [each for each in troubles() if each.code == "state_not_compared"]
    assert "for 300000 s" in trouble
    settings.STATE_CHECK = False
    assert [each for each in troubles() if each.code.startswith("state_")] == []


@pytest.mark.usefixtures("supervisor")
def test_a_run_whose_process_died_goes_on_and_another_leaves_it() -> None:
    assert state_check_begin()
    for _part in range(3):
        assert state_check_go_on()
    place = StateCheck.objects.get().progress
    assert place["turn"] == 3
    assert not state_check_begin()
    StateCheck.objects.update(seen_at=near_now() - 2 * running.SILENT_AFTER)
    assert state_check_begin()
    assert StateCheck.objects.get().progress == place
    while state_check_go_on():
        pass
    assert StateCheck.objects.get().result["compared"] == compare_all().compared


@pytest.mark.usefixtures("supervisor")
def test_somebody_stops_it_and_the_last_whole_result_stays() -> None:
    change_past_the_console()
    whole_run()
    assert state_check_begin()
    state_check_go_on()
    state_check_stop(ROOT)
    assert not state_check_go_on()
    held = StateCheck.objects.get()
    assert (held.stopped_by_name, held.differences) == (ROOT.name, 1)
    assert AuditEntry.objects.latest("seq").action == "audit.state_stopped"
    with pytest.raises(Conflict):
        state_check_stop(ROOT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_on", [True, False])
def test_the_task_runs_it_unless_it_is_switched_off(is_on: bool, settings: Any) -> None:
    settings.STATE_CHECK = is_on
    asyncio.run(tasks.compare_state(0))
    assert StateCheck.objects.filter(whole_at__isnull=False).exists() is is_on


@pytest.mark.django_db(transaction=True)
def test_what_changes_meanwhile_is_no_difference(supervisor: User) -> None:
    """Rows and entries are read as they were at one moment."""

    def rename() -> None:
        try:
            for number in range(60):
                user_update(ROOT, supervisor, last_name=f"Storm {number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        renaming = pool.submit(rename)
        runs = 0
        while not renaming.done() or not runs:
            found = compare_all()
            assert [str(each.sentence) for each in found.named] == []
            runs += 1
        renaming.result()
    assert runs > 1
    assert compare_all().holds


# --- By a command --------------------------------------------------------------------------------


def commanded(**options: Any) -> str:
    out = StringIO()
    call_command("audit_verify", stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


@pytest.mark.usefixtures("supervisor")
def test_the_command_compares_after_the_chain() -> None:
    said = commanded(state=True)
    assert re.search(r"HOLDS\s+The state agrees with the ledger: \d+ things were compared\.", said)
    assert "The state agrees" not in commanded()
    change_past_the_console()
    with pytest.raises(CommandError, match="does not agree with the ledger: 1 difference"):
        commanded(state=True)


@pytest.mark.usefixtures("supervisor")
def test_a_stopped_command_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_past_the_console()
    file, parts = tmp_path / "progress.json", []
    go_on = Progress.go_on

    def stop_in_the_middle(progress: Progress) -> bool:
        parts.append(progress.turn)
        if len(parts) == 5:
            raise KeyboardInterrupt
        return go_on(progress)

    monkeypatch.setattr(Progress, "go_on", stop_in_the_middle)
    with pytest.raises(CommandError, match="goes on from") as stopped:
        commanded(state=True, progress=file)
    assert stopped.value.returncode == 130
    assert json.loads(file.read_text())["turn"] == 4
    with pytest.raises(CommandError, match="1 difference"):
        commanded(state=True, progress=file)
    assert parts[:6] == [0, 1, 2, 3, 4, 4]
    assert not file.exists()


def test_a_progress_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    file.write_text("{}")
    with pytest.raises(CommandError, match="is no progress of a comparison"):
        commanded(state=True, progress=file)
    with pytest.raises(CommandError, match="give both"):
        commanded(progress=file)


@pytest.mark.usefixtures("supervisor")
def test_the_command_that_begins_says_how_many() -> None:
    out = StringIO()
    call_command("audit_rows_begin", stdout=out)
    assert out.getvalue() == "0 things are told.\n"


# --- On a page -----------------------------------------------------------------------------------


def compared(client: Client) -> list[str]:
    """The page's parts, as htmx asks for one after the other."""
    pages: list[str] = []
    state = ""
    while not pages or state:
        answer = client.post(
            reverse("audit-state"), {"state": state}, headers={"HX-Request": "true"}
        )
        pages.append(answer.content.decode())
        state = (re.findall(r'name="state" value="([^"]+)"', pages[-1]) or [""])[0]
    return pages


@pytest.mark.usefixtures("supervisor")
def test_the_page_shows_how_far_it_is_and_what_it_found(
    browse: Callable[[User | None], Client], auditor: User
) -> None:
    client = browse(auditor)
    *underway, last = compared(client)
    assert len(underway) > 2
    assert all("<progress" in page and "Stop</a>" in page for page in underway)
    assert "The state agrees with the trail." in last
    change_past_the_console()
    last = compared(client)[-1]
    assert "The state does not agree with the trail." in last
    assert "(sue): roles is" in last
    # Without a script each part is a page of its own.
    page = client.post(reverse("audit-state"), {"state": "forged"}).content.decode()
    assert "<progress" in page
    assert 'id="checkpoints-head"' in page


@pytest.mark.usefixtures("supervisor")
def test_the_page_shows_the_night_and_stops_it(
    browse: Callable[[User | None], Client], auditor: User
) -> None:
    client = browse(auditor)
    change_past_the_console()
    whole_run()
    page = client.get(reverse("audit-proof")).content.decode()
    assert "Last night the state did not agree with the ledger." in page
    assert "(sue): roles is" in page
    assert "Stop the nightly comparison" not in page
    state_check_begin()
    state_check_go_on()
    page = client.get(reverse("audit-proof")).content.decode()
    assert "Stop the nightly comparison" in page
    client.post(reverse("audit-state-stop"))
    assert StateCheck.objects.get().stopped_by_name == str(auditor)
    answer = client.post(reverse("audit-state-stop"), follow=True).content.decode()
    assert "Nothing is being compared at the moment." in answer
