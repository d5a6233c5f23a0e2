"""docs/when-it-does-not-move.md has an entry for all that /readyz can say, and no other. Its
queries run, its pages are there, and its figures are the code's."""

import ast
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.urls import resolve

from console.accounts.models import User
from console.audit import troubles as ledger_troubles
from console.audit.siem import standing as siem
from console.audit.tlog import standing
from console.audit.witnessing import quorum
from console.database.budget import MOST_USED
from console.database.clock import TOLERANCE_SECONDS
from console.database.sessions import COMMAND, DRAIN, JOB, QUEUE, WEB
from console.interactions.models import ChatServer
from console.interactions.services import wire
from console.notifications import troubles as notification_troubles
from console.sends.engine import drain
from console.sends.observe import troubles
from console.sends.observe.operations import LOST_AFTER_SECONDS
from console.web.server import health
from tests.support.demos import ROOT
from tests.support.factories import make_send
from tests.support.source_code import tree_of

PAGE = (ROOT / "docs" / "when-it-does-not-move.md").read_text("utf-8")
SWEEP_SECONDS = 5.0


def rows() -> dict[str, str]:
    """The rows of the page's tables, by their first column."""
    return dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", PAGE, re.MULTILINE))


def said_by_readyz() -> set[str]:
    section = PAGE.partition("## What `/readyz` says")[2].partition("\n## ")[0]
    firsts = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return {code for first in firsts for code in re.findall(r"`([a-z][a-z_ ]+)`", first)}


def calls(module: ModuleType, function: str) -> list[ast.Call]:
    assert module.__file__ is not None
    tree = tree_of(Path(module.__file__))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if ast.unparse(call.func) == function]


def trouble_codes() -> set[str]:
    modules = (troubles, notification_troubles, ledger_troubles, quorum, siem)
    found = [call for module in modules for call in calls(module, "Sentence")]
    found += calls(standing, "TreeRefused")
    return {ast.literal_eval(call.args[0]) for call in found}


def refusals() -> set[str]:
    """What /readyz says with 503."""
    return {
        ast.literal_eval(keyword.value)
        for call in calls(health, "_answer")
        for keyword in call.keywords
        if keyword.arg == "status" and ast.unparse(call.args[0]) == "503"
    }


def test_all_that_readyz_says_has_its_entry() -> None:
    assert len(trouble_codes()) >= 7
    assert len(refusals()) >= 2
    assert said_by_readyz() == trouble_codes() | refusals()


@pytest.mark.django_db
def test_its_queries_run(chat_server: ChatServer) -> None:
    blocks = re.findall(r"^```sql\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    inline = [sql for sql in re.findall(r"`((?:SELECT|SHOW) [^`]+)`", PAGE) if "…" not in sql]
    assert len(blocks) == 4
    assert len(inline) == 2
    for query in blocks + inline:
        with connection.cursor() as cursor:
            cursor.execute(query)
            assert cursor.description is not None, query


@pytest.mark.django_db
def test_the_first_query_says_what_waits(
    chat_server: ChatServer, supervisor: User, make_interaction: Any, make_notice: Any
) -> None:
    ChatServer.objects.update(pace_per_second=0.5)
    make_send(supervisor, make_notice().notice.key, [make_interaction().pk for _number in range(3)])
    (query, *_others) = re.findall(r"^```sql\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    with connection.cursor() as cursor:
        cursor.execute(query)
        (row,) = cursor.fetchall()
    assert row[:4] == (chat_server.name, 3, 3, 6)


def test_its_pages_are_there() -> None:
    paths = re.findall(r"\(`(/[a-z/-]+)`\)", PAGE)
    assert {"/operations/", "/sending/", "/chat-servers/", "/webhooks/", "/mail/"} == set(paths)
    for path in [*paths, "/readyz", "/healthz"]:
        assert resolve(path)


@pytest.mark.parametrize(
    ("entry", "seconds"),
    [
        ('`"workers": 0`', LOST_AFTER_SECONDS),
        ("`no_sweep`", troubles.SWEEP_LATE_SECONDS),
        ("`no_sweep`", SWEEP_SECONDS),
        ("`no_progress`", troubles.STALLED_SECONDS),
        ("`no_progress`", DRAIN.lock),
        ("`worker_clock_differs`", TOLERANCE_SECONDS),
        ("`checkpoints_late`", ledger_troubles.UNSIGNED_SECONDS),
        ("`checkpoints_not_outside`", ledger_troubles.NOT_OUTSIDE_SECONDS),
        ("`tree_late`", ledger_troubles.NOT_OUTSIDE_SECONDS),
        ("`cosignatures_late`", quorum.LATE_SECONDS),
        ("`notifications_late`", notification_troubles.LATE_SECONDS),
        ("`database unreachable` (503)", WEB.lock),
        ('"Unreachable"', drain.BACKOFF_FIRST_SECONDS),
        ('"Unreachable"', drain.BACKOFF_MOST_SECONDS),
        ('a worker "Lost"', LOST_AFTER_SECONDS),
        (
            'a worker "Lost"',
            wire.STALE_SECONDS + SWEEP_SECONDS + wire.CONTEST_SECONDS,
        ),
    ],
)
def test_the_entry_has_the_codes_figure(entry: str, seconds: float) -> None:
    (row,) = [first + said for first, said in rows().items() if first.startswith(entry)]
    assert f" {seconds:g} s" in row


def test_the_figures_between_the_tables_are_the_codes() -> None:
    text = " ".join(PAGE.split())
    first = wire.STALE_SECONDS - wire.RENEW_SECONDS + wire.CONTEST_SECONDS
    last = wire.STALE_SECONDS + SWEEP_SECONDS + wire.CONTEST_SECONDS
    locks = [limits.lock for limits in (QUEUE, WEB, DRAIN, JOB)]
    idle = [limits.idle_in_transaction for limits in (QUEUE, WEB, DRAIN, JOB)]
    for words in (
        f"`CONSOLE_DELIVERY_TTL_SECONDS`, {settings.DELIVERY_TTL_SECONDS} s",
        f"nothing for {WEB.answer_seconds:g} s, then `database unreachable`",
        f"more than {100 * MOST_USED:g} % of PostgreSQL's connections",
        f"taken over its Chat Servers {first:g} to {last:g} s after its last word",
        f"silent for {wire.STALE_SECONDS:g} s is contested, and {wire.CONTEST_SECONDS:g} s later",
        f"gives up after {min(locks):g} to {max(locks):g} s",
        f"ended after {min(idle):g} to {max(idle):g} s",
        f"a command's after {COMMAND.idle_in_transaction:g} s",
        f"answered with 503 after {WEB.lock:g} s",
    ):
        assert words in text
