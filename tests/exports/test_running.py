"""What a worker does with an export: whole files or none, whatever becomes of the worker."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.exports import reading, running
from console.exports.files.formats import ExportFormat
from console.exports.models import LOST_AFTER, ExportJob, ExportPart
from console.exports.running import LOST_MOST, export_let_go, export_lost, export_run, exports_sweep
from console.exports.selectors import export_get
from console.exports.services import export_download, export_remove, exports_withdraw
from console.sends.models import Delivery
from tests.exports.conftest import Ordered, Sent, read_lines, read_sheets
from tests.support.broken_ledger import break_ledger
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PART_BYTES", 1000)
    monkeypatch.setattr(reading, "BATCH", 2)
    monkeypatch.setattr(running, "SECONDS_A_SIGN", 0.0)


def fetched(user: User, job: ExportJob) -> bytes:
    actor = user.to_actor()
    return b"".join(export_download(actor, export_get(actor, job.pk)))


@pytest.mark.parametrize("form", ExportFormat.values)
def test_a_file_comes_back_as_it_was_written(
    form: str, sent: Sent, ordered: Ordered, auditor: User
) -> None:
    sent(chats=9, text="Grüße 🙂 " * 30)
    job = ordered(form)
    export_run(job.pk)
    job.refresh_from_db()
    content = fetched(auditor, job)
    assert (job.status, job.done, job.total, job.share) == ("done", 9, 9, 1)
    assert (job.bytes, job.parts) == (len(content), ExportPart.objects.count())
    assert job.sha256 == hashlib.sha256(content).hexdigest()
    assert job.parts > 1
    rows = (
        read_sheets([content])[0][1:]
        if form == "xlsx"
        else read_lines([content])
        if form == "jsonl"
        else content.decode().splitlines()[1:]
    )
    assert len(rows) == 9


def test_it_says_how_far_it_is(sent: Sent, ordered: Ordered) -> None:
    sent(chats=8)
    job = ordered("jsonl")
    seen = []
    note = running._File.note

    def watch(file: Any, rows: int, share: float) -> None:
        note(file, rows, share)
        now = ExportJob.objects.get(pk=job.pk)
        seen.append((now.done, now.total, round(now.share, 2)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running._File, "note", watch)
        export_run(job.pk)
    assert seen == [(2, 8, 0.25), (4, 8, 0.5), (6, 8, 0.75), (8, 8, 1.0)]


def interrupted(job: ExportJob, by: Any, after: int = 2) -> None:
    """Run an export, and do something `by` another after some of its pieces."""
    note = running._File.note
    left = iter([False] * after + [True])

    def interrupt(file: Any, rows: int, share: float) -> None:
        note(file, rows, share)
        if next(left, False):
            by()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running._File, "note", interrupt)
        export_run(job.pk)


def test_a_cancelled_one_writes_no_more(sent: Sent, ordered: Ordered, auditor: User) -> None:
    sent(chats=20, text="Hello " * 100)
    job = ordered()
    interrupted(job, lambda: export_remove(auditor.to_actor(), job))
    assert not ExportJob.objects.exists()
    written = ExportPart.objects.count()
    assert 0 < written < 20
    assert AuditEntry.objects.latest("seq").action == "export.cancelled"
    assert not AuditEntry.objects.filter(action="export.finished").exists()
    exports_sweep()
    assert not ExportPart.objects.exists()


def test_an_old_run_can_not_write_into_a_newer_ones_file(
    sent: Sent, ordered: Ordered, auditor: User
) -> None:
    """A worker that stood still comes back when another has begun anew."""
    sent(chats=10, text="Hello " * 100)
    job = ordered("jsonl")

    def take_over() -> None:
        export_lost(job.pk)
        export_run(job.pk)

    interrupted(job, take_over)
    job.refresh_from_db()
    assert (job.status, job.run, job.lost) == ("done", 2, 1)
    assert len(read_lines([fetched(auditor, job)])) == 10
    assert AuditEntry.objects.filter(action="export.finished").count() == 1
    runs = ExportPart.objects.values_list("run", flat=True)
    assert set(runs) == {1, 2}
    exports_sweep()
    assert set(runs.all()) == {2}
    assert len(read_lines([fetched(auditor, job)])) == 10


def test_one_that_another_worker_writes_is_left_alone(sent: Sent, ordered: Ordered) -> None:
    sent(chats=5)
    job = ordered()
    interrupted(job, lambda: export_run(job.pk))
    job.refresh_from_db()
    assert (job.status, job.run) == ("done", 1)
    export_run(job.pk)  # it is over
    export_run(job.pk + 1)  # there is none
    job.refresh_from_db()
    assert job.run == 1


def lose(job: ExportJob) -> None:
    """Its worker is gone for so long that nobody waits for it."""
    old = Now() - LOST_AFTER - timedelta(seconds=1)
    ExportJob.objects.filter(pk=job.pk).update(status="running", seen_at=old)


def test_a_lost_one_begins_anew_and_is_given_up_in_the_end(ordered: Ordered) -> None:
    job = ordered()
    for times in range(1, LOST_MOST):
        lose(job)
        exports_sweep()
        job.refresh_from_db()
        assert (job.status, job.lost) == ("waiting", times)
    lose(job)
    exports_sweep()
    job.refresh_from_db()
    assert job.status == "failed"
    assert "Order the export again" in job.error
    assert AuditEntry.objects.latest("seq").data == {"reason": "export_lost"}


def test_one_that_lives_is_not_lost(ordered: Ordered) -> None:
    job = ordered()
    ExportJob.objects.filter(pk=job.pk).update(status="running", seen_at=Now())
    exports_sweep()
    job.refresh_from_db()
    assert (job.status, job.lost) == ("running", 0)


def test_a_worker_that_stops_lets_go_of_it(ordered: Ordered) -> None:
    job = ordered()
    ExportJob.objects.filter(pk=job.pk).update(status="running", seen_at=Now())
    export_let_go(job.pk)
    job.refresh_from_db()
    assert (job.status, job.lost) == ("waiting", 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"is_active": False}, "not active"), ({"roles": ["supervisor"]}, "permission to read")],
)
def test_who_may_not_any_more_gets_no_file(
    change: dict[str, Any], words: str, ordered: Ordered, auditor: User
) -> None:
    job = ordered()
    User.objects.filter(pk=auditor.pk).update(**change)
    export_run(job.pk)
    job.refresh_from_db()
    assert job.status == "failed"
    assert words in job.error
    assert not ExportPart.objects.exists()


def test_an_erasure_takes_files_away(sent: Sent, ordered: Ordered, auditor: User) -> None:
    """Those that may have the customer's texts: ready ones, and those in work."""
    sent(chats=6, text="Hello " * 100)
    ready, of_trail, waiting = ordered(), ordered("csv", "trail"), ordered()
    export_run(ready.pk)
    export_run(of_trail.pk)
    withdrawn = []
    interrupted(waiting, lambda: withdrawn.append(exports_withdraw(ROOT, subject="history")))
    assert withdrawn == [2]
    for job in (ready, waiting):
        job.refresh_from_db()
        assert job.status == "failed"
        assert "A customer's data was erased" in job.error
    entries = AuditEntry.objects.filter(action="export.deleted").values_list(
        "target_ref", flat=True
    )
    assert set(entries) == {str(ready.pk), str(waiting.pk)}
    exports_sweep()
    assert set(ExportPart.objects.values_list("export_id", flat=True)) == {of_trail.pk}
    assert len(fetched(auditor, of_trail)) > 0


def test_a_failure_leaves_no_file(sent: Sent, ordered: Ordered) -> None:
    sent(chats=3)
    job = ordered()

    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted(job, fail, after=0)
    job.refresh_from_db()
    assert job.status == "failed"
    assert AuditEntry.objects.latest("seq").data == {"reason": "export_failed"}
    exports_sweep()
    assert not ExportPart.objects.exists()


def test_what_can_not_be_recorded_is_not_done(sent: Sent, ordered: Ordered) -> None:
    sent()
    job = ordered()
    break_ledger()
    with pytest.raises(DatabaseError, match="the ledger is broken"), transaction.atomic():
        export_run(job.pk)
    job.refresh_from_db()
    assert job.status != "done"


def test_deliveries_that_change_meanwhile_are_read_as_they_are(
    sent: Sent, ordered: Ordered, auditor: User
) -> None:
    """The moment of the order decides which rows are in it, not what becomes of them."""
    sent(chats=4)
    job = ordered("jsonl")
    oldest = Delivery.objects.earliest("pk")
    interrupted(job, lambda: Delivery.objects.filter(pk=oldest.pk).update(reference_id=77), after=0)
    rows = read_lines([fetched(auditor, job)])
    assert rows[-1]["reference_id"] == 77
