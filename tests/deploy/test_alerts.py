"""The alerts and the dashboard: by planted figures, and by what there is to look at."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from console.audit.metrics import LedgerMetrics
from console.audit.siem.positions import streams_begin
from console.audit.siem.settings import destinations
from console.database import standby
from console.interactions.models import ChatServer, InteractionPoll
from console.notifications.metrics import NotificationMetrics
from console.notifications.settings import MailServer
from console.sends.observe import worker_metrics
from console.sends.observe.metrics import site_registry, worker_registry
from console.webhooks.metrics import WebhookMetrics
from tests.audit.witness.false_witness import witnessed_once
from tests.support.demos import ROOT
from tests.support.factories import make_public_webhook

RULES = ROOT / "deploy" / "prometheus" / "notice-console.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "notice-console.json"
PLANTED = Path(__file__).with_name("alerts.test.yml")
ALERT = re.compile(
    r"- alert: NoticeConsole(\w+)\n\s+expr: '(.*)'\n\s+for: (\w+)\n"
    r"\s+labels: \{severity: \w+\}\n\s+annotations:\n\s+summary: .*\n\s+description: '(.*)'\n"
)


def alerts() -> list[tuple[str, str, str, str]]:
    """Name, expression, how long, and what to do."""
    found = [
        (name, expr.replace("''", "'"), time, words.replace("''", "'"))
        for name, expr, time, words in ALERT.findall(RULES.read_text("utf-8"))
    ]
    assert len(found) == RULES.read_text("utf-8").count("- alert:") > 10
    return found


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which("promtool") or shutil.which("promtool", path=ROOT / ".venv" / "bin")
    if found is None:
        pytest.skip("there is no promtool (.ci/install-promtool)")
    return subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60)


def test_promtool_finds_no_fault() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_say_what_planted_figures_are_to_make_them_say() -> None:
    done = promtool("test", "rules", str(PLANTED))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_planted_figures_that_raise_it() -> None:
    raised = re.findall(
        r"alertname: NoticeConsole(\w+)\n\s+exp_alerts:\n", PLANTED.read_text("utf-8")
    )
    assert {name for name, *_rest in alerts()} == set(raised)


def names(registry: CollectorRegistry) -> set[str]:
    return {sample.name for family in registry.collect() for sample in family.samples}


@pytest.fixture
def known(
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    db: None,
    chat_server: ChatServer,
    tmp_path: Path,
) -> set[str]:
    """All metrics that the console has where it has everything."""
    settings.CHECKPOINTS_TO = str(tmp_path)
    settings.MAIL_SERVER = MailServer("127.0.0.1", 25)
    settings.WITNESS_POLICY = witnessed_once()
    settings.SIEM_TO = destinations("https://siem.example/")
    streams_begin()
    make_public_webhook()
    monkeypatch.setattr(standby, "observed", lambda: standby.Source(True, seconds=0.0))
    InteractionPoll.objects.create(ended_at="2026-01-01T00:00Z")
    worker_metrics.drain_counts.setdefault("chat-east", worker_metrics.DrainCounts())
    site = site_registry(WebhookMetrics(), NotificationMetrics(), LedgerMetrics())
    return names(site) | names(worker_registry())


def asked(expression: str) -> set[str]:
    return set(re.findall(r"\bconsole_\w+", expression))


def test_they_ask_for_metrics_that_there_are(known: set[str]) -> None:
    for _name, expression, *_rest in alerts():
        assert asked(expression) <= known


def test_the_dashboard_asks_for_metrics_that_there_are(known: set[str]) -> None:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(panels) == len({panel["id"] for panel in panels}) > 10
    assert asked(" ".join(expressions)) <= known
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def test_the_page_tells_of_each() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = page.partition("## What to alert on")[2].partition("\n## ")[0]
    rows = re.findall(
        r"^\| `NoticeConsole(\w+)` \| `(.*)` \| (\w+) \| (.*) \|$", section, re.MULTILINE
    )
    assert [(a, b.replace("\\|", "|"), c, d) for a, b, c, d in rows] == alerts()
