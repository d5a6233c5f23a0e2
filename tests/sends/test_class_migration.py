"""A database from before there were classes of notices: what is in it is routine, and keeps its
digest."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from console.catalogue.content.version_content import revision
from console.catalogue.models import NoticeVersion
from console.sends.models import Send
from console.sends.proof.ledger import version_digest
from tests.support.working import last_entry

BEFORE = [("sends", "0026_canary"), ("catalogue", "0010_renaming")]
COLUMNS = """
SELECT table_name FROM information_schema.columns WHERE column_name = 'notice_class' ORDER BY 1
"""


def classes() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        return [name for (name,) in cursor.fetchall()]


def migrate(targets: list[Any]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)


@pytest.mark.django_db(transaction=True)
def test_what_was_sent_before_there_were_classes_is_routine(make_send: Any) -> None:
    send = make_send(2)
    version = NoticeVersion.objects.get()
    mark, digest = revision(version), version_digest(version)
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    try:
        migrate(BEFORE)
        assert classes() == []
    finally:
        migrate(newest)
    assert classes() == ["catalogue_noticeversion", "sends_send"]
    assert Send.objects.get(pk=send.pk).notice_class == "routine"
    version = NoticeVersion.objects.get()
    assert version.notice_class == "routine"
    assert (revision(version), version_digest(version)) == (mark, digest)
    assert last_entry("send.created").data["version_sha256"] == digest
