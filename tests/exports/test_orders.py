"""Who may order an export, fetch its file and cancel it, and what the trail says of each."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused, TooManyRequests
from console.exports.models import KEPT, ExportJob, ExportPart
from console.exports.orders import Order, is_small
from console.exports.running import export_run, exports_sweep
from console.exports.selectors import export_get, exports_of
from console.exports.services import Incomplete, export_download, export_order, export_remove
from console.sends.models import Delivery
from tests.exports.conftest import Ordered, Sent, read_lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def done(sent: Sent, ordered: Ordered) -> ExportJob:
    """An export of three rows that is ready."""
    sent(chats=3)
    job = ordered("jsonl")
    export_run(job.pk)
    job.refresh_from_db()
    assert job.status == "done"
    return job


def newest(action: str) -> AuditEntry:
    return AuditEntry.objects.filter(action=action).latest("seq")


def test_the_limit_decides_what_is_small(sent: Sent, auditor: User, settings: Any) -> None:
    sent(chats=3)
    order, actor = Order.read("history", "csv", {}), auditor.to_actor()
    settings.EXPORT_AT_ONCE_ROWS = 3
    assert is_small(actor, order)
    settings.EXPORT_AT_ONCE_ROWS = 2
    assert not is_small(actor, order)
    assert is_small(actor, Order.read("history", "csv", {"q": "nobody"}))


def test_what_can_not_be_counted_in_time_is_not_small(
    sent: Sent, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent()
    monkeypatch.setattr("console.exports.orders.COUNT_SECONDS", 0.0)
    assert not is_small(auditor.to_actor(), Order.read("history", "csv", {}))


def test_a_file_is_as_of_the_order(sent: Sent, ordered: Ordered, auditor: User) -> None:
    sent(chats=2)
    job = ordered("jsonl")
    sent(chats=2)
    export_run(job.pk)
    rows = read_lines(export_download(auditor.to_actor(), export_get(auditor.to_actor(), job.pk)))
    assert len(rows) == 2
    assert max(row["delivery"] for row in rows) == job.upto


def test_the_trail_says_who_had_what(done: ExportJob, auditor: User) -> None:
    newest_delivery = Delivery.objects.latest("pk").pk
    said = newest("history.exported")
    assert said.actor_ref == auditor.ref
    assert said.data == {"format": "jsonl", "upto": newest_delivery, "export": done.pk}
    content = b"".join(export_download(auditor.to_actor(), done))
    digest = hashlib.sha256(content).hexdigest()
    finished = newest("export.finished")
    assert finished.actor_ref == "system:exports"
    assert finished.data == {"rows": 3, "bytes": len(content), "sha256": digest}
    fetched = newest("export.downloaded")
    assert fetched.actor_ref == auditor.ref
    assert fetched.data == {"rows": 3, "sha256": digest}
    assert (fetched.target_kind, fetched.target_ref) == ("export", str(done.pk))
    export_remove(auditor.to_actor(), done)
    assert newest("export.deleted").data == {"rows": 3}


def test_a_filter_stands_in_the_trail(ordered: Ordered) -> None:
    job = ordered("csv", notice="hello")
    assert newest("history.exported").data["notice"] == "hello"
    assert job.filter == {"notice": "hello"}


def test_only_who_ordered_it_sees_it(
    done: ExportJob, make_user: Callable[..., User], auditor: User
) -> None:
    other = make_user("another", "auditor").to_actor()
    with pytest.raises(NotFound):
        export_get(other, done.pk)
    assert list(exports_of(other)) == []
    export_remove(other, done)  # nothing of theirs is there
    assert export_get(auditor.to_actor(), done.pk) == done


def test_who_may_not_read_the_list_any_more_gets_no_file(done: ExportJob, auditor: User) -> None:
    auditor.roles = ["supervisor"]
    with pytest.raises(PermissionRefused, match="read the history"):
        export_download(auditor.to_actor(), done)
    assert not AuditEntry.objects.filter(action="export.downloaded").exists()


def test_who_sees_fewer_teams_than_at_the_order_gets_no_file(
    done: ExportJob, auditor: User
) -> None:
    narrower = replace(auditor.to_actor(), sees_all_teams=False)
    with pytest.raises(PermissionRefused, match="the right to see all teams"):
        export_download(narrower, done)


def test_who_may_not_may_not_order(supervisor: User) -> None:
    order = Order.read("history", "csv", {})
    with pytest.raises(PermissionRefused):
        export_order(supervisor.to_actor(), order=order)
    with pytest.raises(PermissionRefused):
        is_small(supervisor.to_actor(), order)
    assert not ExportJob.objects.exists()


def test_a_file_is_fetched_when_it_is_ready(ordered: Ordered, auditor: User) -> None:
    with pytest.raises(Conflict, match="not ready"):
        export_download(auditor.to_actor(), ordered())


def test_so_many_go_at_a_time(ordered: Ordered, auditor: User, make_user: Any) -> None:
    jobs = [ordered() for _ in range(site.EXPORTS_A_PERSON)]
    with pytest.raises(TooManyRequests, match="Delete one that you have fetched"):
        ordered()
    ordered(user=make_user("another", "auditor"))
    ExportJob.objects.filter(pk=jobs[0].pk).update(status="failed")
    ordered()  # a failed one has no file
    with pytest.raises(TooManyRequests):
        ordered()
    export_remove(auditor.to_actor(), jobs[1])
    ordered()


def test_a_file_is_gone_after_a_day(done: ExportJob, auditor: User) -> None:
    assert ExportPart.objects.exists()
    exports_sweep()
    assert export_get(auditor.to_actor(), done.pk).is_done
    assert ExportPart.objects.exists()
    assert done.finished_at is not None
    before = done.finished_at - KEPT - timedelta(seconds=30)
    ExportJob.objects.filter(pk=done.pk).update(finished_at=before)
    with pytest.raises(NotFound, match="a day after"):
        export_get(auditor.to_actor(), done.pk)
    exports_sweep()
    assert not ExportJob.objects.exists()
    assert not ExportPart.objects.exists()


def test_a_piece_that_is_gone_ends_the_download(done: ExportJob, auditor: User) -> None:
    ExportPart.objects.all().delete()
    with pytest.raises(Incomplete):
        list(export_download(auditor.to_actor(), done))


@pytest.mark.parametrize(
    ("subject", "form", "chosen"),
    [
        ("sends", "csv", {}),
        ("history", "pdf", {}),
        ("history", "csv", {"colour": "red"}),
        ("history", "csv", {"status": "lost"}),
        ("trail", "csv", {"colour": "red"}),
        ("trail", "csv", {"action": " "}),
        ("trail", "csv", {"action": "x" * 129}),
    ],
)
def test_what_can_not_be_exported(subject: str, form: str, chosen: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        Order.read(subject, form, chosen)


def test_the_trail_as_a_list(ordered: Ordered, auditor: User, sent: Sent) -> None:
    sent()
    job = ordered("jsonl", "trail", action="send.")
    assert newest("audit.exported").data["action"] == "send."
    export_run(job.pk)
    rows = read_lines(export_download(auditor.to_actor(), export_get(auditor.to_actor(), job.pk)))
    found = AuditEntry.objects.filter(action__startswith="send.", seq__lte=job.upto)
    assert [row["seq"] for row in rows] == [entry.seq for entry in found]
    assert rows[0]["data"] == found[0].data
    assert rows[0]["hash"] == found[0].hash


def test_pieces_are_compressed_once(done: ExportJob) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attstorage FROM pg_attribute WHERE attrelid = 'exports_exportpart'::regclass "
            "AND attname = 'content'"
        )
        assert cursor.fetchone() == ("e",)
    (part,) = ExportPart.objects.all()
    assert len(part.content) < done.bytes
