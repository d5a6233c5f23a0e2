"""The pages that take a catalogue in and out."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.models import ImportJob, NoticeVersion
from console.catalogue.transfer.jobs.control import CHECKED_MOST, RUNNING_MOST, import_job_run

NEW = "key,kind,title,body:en\nlate,message,Late,It is <b>late</b>.\n"
BAD = "bad,message,,Text\n"


def upload(client: Client, text: str, name: str = "texts.csv") -> Any:
    file = SimpleUploadedFile(name, text.encode())
    return client.post(reverse("catalogue-import"), {"file": file})


@pytest.fixture
def client(editor: User, browse: Callable[..., Client]) -> Client:
    return browse(editor)


def test_an_upload_is_checked_and_then_imported(client: Client, editor: User) -> None:
    answer = upload(client, NEW)
    job = ImportJob.objects.get()
    assert answer.url == reverse("import-detail", args=[job.pk])
    page = client.get(answer.url).content.decode()
    assert "Waiting for a worker" in page
    assert f'data-live-topic="import-{job.pk}"' in page

    import_job_run(job.pk)

    page = client.get(answer.url).content.decode()
    assert "This is what the import would do" in page
    assert "It is &lt;b&gt;late&lt;/b&gt;." in page
    assert not NoticeVersion.objects.exists()
    progress = client.get(reverse("import-progress", args=[job.pk]))
    assert progress["HX-Refresh"] == "true"

    assert client.post(reverse("import-confirm", args=[job.pk])).status_code == 302
    import_job_run(job.pk)

    assert NoticeVersion.objects.get().author_ref == editor.to_actor().ref
    assert "Imported" in client.get(answer.url).content.decode()
    again = client.post(reverse("import-confirm", args=[job.pk]))
    assert again.status_code == 409
    job.refresh_from_db()
    assert bytes(job.content) == b""


def test_refusals_are_shown_first_and_can_be_taken_along(client: Client) -> None:
    answer = upload(client, NEW + BAD)
    job = ImportJob.objects.get()
    import_job_run(job.pk)

    page = client.get(answer.url).content.decode()

    assert "Give the notice a title." in page
    assert "It is &lt;b&gt;late" not in page
    assert "It is &lt;b&gt;late" in client.get(answer.url + "?outcome=all").content.decode()
    refused = client.get(reverse("import-refused", args=[job.pk])).content.decode("utf-8-sig")
    assert refused.splitlines()[1] == '"3","bad","title","Give the notice a title."'
    assert client.post(reverse("import-confirm", args=[job.pk])).status_code == 409
    confirm = reverse("import-confirm", args=[job.pk])
    assert client.post(confirm, {"skip_refused": "1"}).status_code == 302
    import_job_run(job.pk)
    assert list(NoticeVersion.objects.values_list("notice__key", flat=True)) == ["late"]


def test_what_is_no_file_of_ours_is_said_in_place(client: Client) -> None:
    for text, name, words in [(NEW, "a.ods", "none of .csv"), ("", "a.csv", "empty")]:
        answer = upload(client, text, name)
        assert answer.status_code == 422
        assert words in answer.content.decode()
    answer = client.post(reverse("catalogue-import"))
    assert "Choose a file." in answer.content.decode()
    answer = upload(client, "title\nx\n")
    import_job_run(ImportJob.objects.get().pk)
    assert "A notice is known by its key." in client.get(answer.url).content.decode()


def test_a_person_has_few_imports_at_once(
    client: Client, make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    """Those that wait for a word make room, those under way do not; others have their own."""
    for number in range(CHECKED_MOST + 2):
        assert upload(client, NEW, f"{number}.csv").status_code == 302
        import_job_run(ImportJob.objects.latest("pk").pk)
    names = list(ImportJob.objects.order_by("pk").values_list("file_name", flat=True))
    assert names == [f"{number}.csv" for number in range(2, CHECKED_MOST + 2)]
    for _ in range(RUNNING_MOST):
        assert upload(client, NEW).status_code == 302
    refused = upload(client, NEW)
    assert refused.status_code == 422
    assert "Wait until one of them is done" in refused.content.decode()
    assert upload(browse(make_user("cora", "editor")), NEW).status_code == 302
    import_job_run(ImportJob.objects.filter(status="checking").earliest("pk").pk)
    assert upload(client, NEW).status_code == 302


def test_anothers_import_is_not_there(
    client: Client, make_user: Callable[..., User], browse: Callable[..., Client]
) -> None:
    answer = upload(client, NEW)
    colleague = browse(make_user("cora", "editor"))
    assert colleague.get(answer.url).status_code == 404


def test_a_file_may_be_larger_than_other_bodies(client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    settings.IMPORT_LIMIT = 2000
    assert upload(client, NEW + "#" * 1950).status_code == 422
    settings.IMPORT_LIMIT = 5000
    assert upload(client, NEW + "#" * 1900).status_code == 302
    big = client.post(reverse("notice-create"), {"title": "x" * 2000})
    assert big.status_code == 413
    settings.IMPORT_LIMIT = 100
    assert upload(client, "#" * 200_000).status_code == 413


def test_exports_of_all_forms(client: Client, make_notice: Callable[..., NoticeVersion]) -> None:
    make_notice(key="hello")
    for form, start in [("csv", b"\xef\xbb\xbf"), ("json", b"{"), ("xlsx", b"PK")]:
        answer = client.post(reverse("catalogue-export"), {"format": form})
        assert answer.content.startswith(start)
        assert f".{form}" in answer["Content-Disposition"]
    assert client.post(reverse("catalogue-export"), {"format": "ods"}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_an_import_says_how_far_it_is(
    client: Client, monkeypatch: pytest.MonkeyPatch, editor: User
) -> None:
    """By another connection, while nothing of the import itself is to be seen."""
    monkeypatch.setattr("console.catalogue.transfer.jobs.control.SECONDS_A_SIGN", 0)
    rows = io.StringIO()
    rows.write("key,kind,title,body:en\n")
    rows.writelines(f"key-{n},message,T,Text {n}\n" for n in range(1000))
    upload(client, rows.getvalue())
    job = ImportJob.objects.get()
    import_job_run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.counts["created"]) == ("checked", 1000)

    from console.catalogue.transfer.jobs import control

    seen: list[tuple[str, int, int, int]] = []
    sign = control._Signs.__call__

    def watched(signs: Any, phase: str, done: int, total: int) -> None:
        sign(signs, phase, done, total)
        from django.db import connection

        beside = connection.copy()
        with beside.cursor() as cursor:
            cursor.execute(
                "SELECT phase, done, total, (SELECT count(*) FROM catalogue_noticeversion) "
                "FROM catalogue_importjob"
            )
            seen.append(cursor.fetchone())
        beside.close()

    monkeypatch.setattr(control._Signs, "__call__", watched)
    client.post(reverse("import-confirm", args=[job.pk]))
    import_job_run(job.pk)

    job.refresh_from_db()
    assert job.status == "imported"
    assert NoticeVersion.objects.count() == 1000
    assert ("checking", 400, 1000, 0) in seen
    assert ("writing", 1000, 1000, 0) in seen
    assert job.rate is not None
    assert job.rate > 10
