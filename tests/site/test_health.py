"""What load balancers and monitors ask."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from console.sends.models import Worker
from console.site.version import console_version


def test_alive_needs_nothing(client: Client) -> None:
    # Without the database mark: a query would fail this test.
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


@pytest.mark.django_db
def test_ready_when_all_is_there(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert response.json()["version"] == console_version()


@pytest.mark.django_db
def test_a_site_without_workers_is_ready_and_says_so(client: Client) -> None:
    _worker(silent_seconds=600)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["queue"]["workers"] == 0
    assert "manage.py worker" in response.json()["queue"]["next_step"]


@pytest.mark.django_db
def test_workers_that_live_are_counted(client: Client) -> None:
    _worker(silent_seconds=600)
    _worker(silent_seconds=1)
    queue = client.get("/readyz").json()["queue"]
    assert queue["workers"] == 1
    assert 0 < queue["newest_heartbeat_seconds"] < 600


def _worker(*, silent_seconds: float) -> None:
    now = timezone.now()
    seen_at = now - timedelta(seconds=silent_seconds)
    Worker.objects.create(pk=uuid4(), host="ada", pid=7, started_at=now, seen_at=seen_at)


@pytest.mark.django_db
@pytest.mark.parametrize("app", ["sends", "procrastinate"])
def test_not_ready_while_migrations_are_missing(client: Client, app: str) -> None:
    newest = MigrationRecorder.Migration.objects.filter(app=app).order_by("-name").first()
    assert newest is not None
    newest.delete()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "migrations missing"
    assert "migrate" in response.json()["next_step"]


def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: Any) -> None:
        raise OperationalError("refused by 10.0.0.7")

    monkeypatch.setattr("console.web.server.health.MigrationExecutor", away)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "database unreachable", "version": console_version()}
