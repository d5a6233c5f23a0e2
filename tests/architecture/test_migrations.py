"""House rules for new migrations: none holds up a table that is in use. A database of years has
millions of deliveries, and a plain CREATE INDEX lets nobody write to them until it is done."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.core.management import CommandError, call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from tests.support.serving import database_url

# The newest of each app that is no newer than these rules. Those before stay as they are: what of
# them makes an index does so on tables of people, programs, presets, categories and Chat Servers,
# of which no site has many.
OLD = {
    "accounts": "0008_audit_scope",
    "audit": "0005_seals",
    "catalogue": "0009_names",
    "interactions": "0006_names",
    "sends": "0017_own_work_of_clients",
    "webhooks": "0002_names",
}
# Those that need it, and say in CHANGELOG.md how long that takes, or whose table stays small.
SAID = {
    *("interactions.0015_ids_by_byte", "sends.0033_ids_by_byte"),
    "sends.0036_at_rest",  # indexes of a table that it makes, of no model
}
PLAIN_INDEX = re.compile(
    r"\b(CREATE\s+(UNIQUE\s+)?|DROP\s+)INDEX\s+(?!CONCURRENTLY)", re.IGNORECASE
)


def breaches(migration: migrations.Migration) -> Iterator[str]:
    """What a migration does that the rules don't allow."""
    made = {
        operation.name_lower
        for operation in migration.operations
        if isinstance(operation, migrations.CreateModel)
    }
    for operation in _all(migration.operations):
        model = str(getattr(operation, "model_name", "")).lower()
        if isinstance(operation, (AddIndexConcurrently, RemoveIndexConcurrently)):
            if migration.atomic or len(migration.operations) > 1:
                yield "an index that is made concurrently: atomic = False, alone in its migration"
        elif isinstance(operation, (migrations.AddIndex, migrations.RemoveIndex)):
            if model not in made:
                yield f"an index of {model} that is there: AddIndexConcurrently"
        elif isinstance(operation, (migrations.AddField, migrations.AlterField)):
            field: Any = operation.field
            if model not in made and (field.unique or field.db_index):
                yield f"{model}.{operation.name} with an index: make that concurrently, later"
        elif isinstance(operation, migrations.RunSQL) and PLAIN_INDEX.search(str(operation.sql)):
            yield "CREATE INDEX in SQL: write CONCURRENTLY, with atomic = False"


def _all(operations: Iterable[Operation]) -> Iterator[Operation]:
    for operation in operations:
        yield operation
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from _all(list(operation.database_operations))


def test_new_migrations_hold_up_nothing() -> None:
    graph = MigrationLoader(None).graph
    ours = {app.label for app in apps.get_app_configs() if app.name.startswith("console.")}
    found = {
        f"{app}.{name}: {what}"
        for (app, name), node in graph.nodes.items()
        if app in ours and name > OLD.get(app, "") and f"{app}.{name}" not in SAID
        for what in breaches(node)
    }
    assert found == set()


def _made_of(*operations: Operation, atomic: bool = True) -> migrations.Migration:
    migration: Any = migrations.Migration("0099_new", "sends")
    migration.operations, migration.atomic = list(operations), atomic
    return migration


def test_the_rules_find_what_breaks_them() -> None:
    index = models.Index(fields=["status"], name="mine")
    concurrently = AddIndexConcurrently("delivery", index)
    indexed = models.IntegerField(db_index=True, default=0)
    for broken in (
        _made_of(migrations.AddIndex("delivery", index)),
        _made_of(migrations.RemoveIndex("delivery", "mine")),
        _made_of(migrations.AddField("delivery", "mine", indexed)),
        _made_of(migrations.RunSQL("create unique index mine on sends_delivery (status)")),
        _made_of(concurrently),
        _made_of(concurrently, migrations.RunSQL("SELECT 1"), atomic=False),
    ):
        assert len(list(breaches(broken))) == 1
    new = migrations.CreateModel("New", [("id", models.BigAutoField(primary_key=True))])
    for right in (
        _made_of(concurrently, atomic=False),
        _made_of(new, migrations.AddIndex("new", index)),
        _made_of(migrations.AddField("delivery", "mine", models.IntegerField(null=True))),
    ):
        assert list(breaches(right)) == []


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_held_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import psycopg

    monkeypatch.setattr("console.web.management.commands.migrate.LOCK_SECONDS", 1)
    with psycopg.connect(database_url()) as other:
        other.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(CommandError, match="run this again"):
            call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
