"""The pages of exports: short lists come at once, long ones wait on a page of their own."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.exports.models import ExportJob
from console.exports.running import export_run
from console.live.topics import refused_topics
from console.sends.models import Delivery
from tests.exports.conftest import Ordered, Sent, read_lines, read_sheets
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(auditor: User, client: Client) -> Client:
    sign_in(client, auditor)
    return client


@pytest.fixture
def long(settings: Any) -> None:
    """Every list that has rows is a long one."""
    settings.EXPORT_AT_ONCE_ROWS = 0


def order(page: Client, subject: str = "history", **form: str) -> Any:
    name = {"history": "history-export", "trail": "audit-list-export"}[subject]
    return page.post(reverse(name), form)


def test_a_short_list_is_downloaded_at_once(sent: Sent, page: Client) -> None:
    sent(chats=2)
    answer = order(page, format="jsonl")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Content-Disposition"].endswith('.jsonl"')
    assert len(read_lines(answer)) == 2
    answer = order(page, format="xlsx")
    assert [len(sheet) for sheet in read_sheets(answer)] == [3]
    assert not ExportJob.objects.exists()


def test_the_old_address_is_still_csv(sent: Sent, page: Client) -> None:
    sent()
    answer = order(page)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_the_trail_as_it_is_filtered(sent: Sent, page: Client) -> None:
    sent()
    html = page.get(reverse("audit"), {"action": "send."}).content.decode()
    assert '<input type="hidden" name="action" value="send.">' in html
    rows = read_lines(order(page, "trail", format="jsonl", action="send."))
    assert {row["action"].partition(".")[0] for row in rows} == {"send"}
    said = AuditEntry.objects.filter(action="audit.exported").latest("seq")
    assert (said.data["action"], said.data["format"]) == ("send.", "jsonl")


@pytest.mark.usefixtures("long")
def test_a_long_list_has_a_page_until_it_is_fetched(sent: Sent, page: Client) -> None:
    sent(chats=3)
    newest = Delivery.objects.latest("pk").pk
    answer = order(page, format="csv", status="pending")
    job = ExportJob.objects.get()
    assert answer.url == reverse("export-detail", args=[job.pk])
    html = page.get(answer.url).content.decode()
    assert "Waiting for a worker" in html
    assert "the file waits under “Your exports” for a day" in html
    assert f"Rows up to number {newest:,}" in html
    assert '<span class="mono">status</span>' in html
    assert f'data-live-topic="export-{job.pk}"' in html
    progress = page.get(reverse("export-progress", args=[job.pk]))
    assert "HX-Refresh" not in progress.headers
    export_run(job.pk)
    progress = page.get(reverse("export-progress", args=[job.pk]))
    assert progress.headers["HX-Refresh"] == "true"
    html = page.get(answer.url).content.decode()
    assert "The file is ready: 3 rows" in html
    assert "data-live-topic" not in html.partition("<main")[2]
    job.refresh_from_db()
    assert job.sha256 in html
    listed = page.get(reverse("export-list")).content.decode()
    assert answer.url in listed
    file = page.post(reverse("export-file", args=[job.pk]))
    assert file.headers["Content-Length"] == str(job.bytes)
    assert len(b"".join(file)) == job.bytes
    page.post(reverse("export-cancel", args=[job.pk]))
    assert "No exports" in page.get(reverse("export-list")).content.decode()
    assert page.get(answer.url).status_code == 404


@pytest.mark.usefixtures("long")
def test_one_more_than_goes_says_what_to_do(sent: Sent, page: Client, settings: Any) -> None:
    sent()
    settings.EXPORTS_A_PERSON = 1
    order(page)
    answer = order(page)
    assert answer.status_code == 429
    html = answer.content.decode()
    assert "Delete one that you have fetched, or cancel one" in html
    assert reverse("export-detail", args=[ExportJob.objects.get().pk]) in html


def test_a_file_that_is_not_ready_says_so(page: Client, ordered: Ordered) -> None:
    answer = page.post(reverse("export-file", args=[ordered().pk]))
    assert answer.status_code == 409
    assert "The file is not ready" in answer.content.decode()


def test_a_failed_one_says_why(page: Client, ordered: Ordered, auditor: User) -> None:
    job = ordered()
    job_list = ExportJob.objects.filter(pk=job.pk)
    job_list.update(status="failed", error="The console failed, and there is no file.")
    html = page.get(reverse("export-detail", args=[job.pk])).content.decode()
    assert "The console failed, and there is no file." in html
    assert ">Download<" not in html


def test_a_filter_that_is_none_is_refused(page: Client) -> None:
    assert order(page, status="lost").status_code == 400
    assert order(page, format="pdf").status_code == 400
    assert order(page, "trail", action="x" * 200).status_code == 400


def test_only_who_ordered_it_follows_it(
    ordered: Ordered, auditor: User, supervisor: User, make_user: Callable[..., User]
) -> None:
    topic = f"export-{ordered().pk}"
    assert refused_topics(auditor.to_actor(), [topic]) == []
    for other in (supervisor, make_user("another", "auditor")):
        assert refused_topics(other.to_actor(), [topic]) == [topic]


def test_who_only_sends_has_no_exports(sent: Sent, supervisor: User, client: Client) -> None:
    sent()
    sign_in(client, supervisor)
    html = client.get(reverse("history")).content.decode()
    assert reverse("history-export") not in html
    assert reverse("export-list") not in html
    assert client.get(reverse("export-list")).status_code == 403
