"""What load balancers and monitors ask."""

from typing import Any

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client


def test_alive_needs_nothing(client: Client) -> None:
    # Without the database mark: a query would fail this test.
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


@pytest.mark.django_db
def test_ready_when_all_is_there(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


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

    monkeypatch.setattr("console.web.health.MigrationExecutor", away)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "database unreachable"}
