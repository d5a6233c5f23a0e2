"""A filter that can't be read finds nothing and says why: it never stands there beside all rows."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.services import api_client_create
from console.catalogue.models import NoticeVersion
from console.catalogue.transfer.jobs.control import import_job_run, import_job_start
from console.sends.models import Send
from tests.support.factories import ROOT, make_public_webhook

TOO_LONG = "a" * 300


@pytest.mark.parametrize(
    ("name", "query", "label", "marker"),
    [
        ("notice-list", f"q={TOO_LONG}", "Words of any language: ", "/notices/late/"),
        ("notice-list", "q=a%01b", "Words of any language: ", "/notices/late/"),
        ("notice-list", "status=gone", "Status: ", "/notices/late/"),
        ("notice-list", f"category={'a' * 700}", "Category: ", "/notices/late/"),
        ("user-list", f"q={TOO_LONG}", "Name or e-mail: ", "<td>Supervisor"),
        ("user-list", "role=king", "Role: ", "<td>Supervisor"),
        ("user-list", "team=99", "Team: ", "<td>Supervisor"),
        ("api-client-list", f"q={TOO_LONG}", "Name: ", "Nightly"),
        ("api-client-list", "state=gone", "State: ", "Nightly"),
        ("team-list", f"q={TOO_LONG}", "Team or queue: ", "Sales"),
    ],
)
def test_a_wrong_filter_lists_nothing(
    browse: Callable[..., Client],
    administrator: User,
    supervisor: User,
    make_notice: Callable[..., NoticeVersion],
    name: str,
    query: str,
    label: str,
    marker: str,
) -> None:
    make_notice(key="late")
    api_client_create(ROOT, name="Nightly", scopes=["read"])
    client = browse(administrator)
    assert marker in client.get(reverse(name)).content.decode()

    answer = client.get(f"{reverse(name)}?{query}")

    assert answer.status_code == 422
    html = answer.content.decode()
    assert f"<p>{label}" in html
    assert marker not in html
    assert "The filter could not be read" in html
    assert "matches</h2>" not in html
    assert f'href="{reverse(name)}">Clear the filter' in html


@pytest.mark.parametrize(("name", "rows"), [("notice-list", "object_list"), ("send-list", "rows")])
def test_a_state_that_there_is_not_is_said_in_own_words(
    browse: Callable[..., Client],
    supervisor: User,
    make_send: Callable[..., object],
    name: str,
    rows: str,
) -> None:
    make_send()
    client = browse(supervisor)

    answer = client.get(f"{reverse(name)}?status=nonsense")

    assert answer.status_code == 422
    assert list(getattr(answer.context["page"], rows)) == []
    html = answer.content.decode()
    assert "<p>Status: there is no “nonsense”. Choose one of the list.</p>" in html
    # No other seems to be chosen.
    assert '<option value="nonsense" selected>nonsense</option>' in html


def test_a_wrong_filter_of_a_sends_deliveries_lists_nothing(
    browse: Callable[..., Client], supervisor: User, make_send: Callable[..., Send]
) -> None:
    address = reverse("send-detail", args=[make_send().pk])
    answer = browse(supervisor).get(f"{address}?status=gone")
    assert (answer.status_code, list(answer.context["page"].object_list)) == (422, [])
    assert "Outcome: there is no “gone”" in answer.content.decode()


def test_a_wrong_filter_of_the_trail_lists_nothing(
    browse: Callable[..., Client], auditor: User
) -> None:
    answer = browse(auditor).get(f"{reverse('audit')}?action={TOO_LONG}")
    assert (answer.status_code, answer.context["page"].rows) == (422, [])
    assert "Did what: write at most 128 characters." in answer.content.decode()


def test_a_wrong_filter_of_an_imports_rows_lists_nothing(
    browse: Callable[..., Client], editor: User
) -> None:
    content = b"key,kind,title,body:en\nhello,message,Hello,Hi\n"
    job = import_job_start(editor.to_actor(), file_name="a.csv", content=content)
    import_job_run(job.pk)
    address = reverse("import-detail", args=[job.pk])
    client = browse(editor)
    assert len(client.get(f"{address}?outcome=all").context["page"].object_list) == 1
    answer = client.get(f"{address}?outcome=gone")
    assert (answer.status_code, list(answer.context["page"].object_list)) == (422, [])
    assert "Outcome: there is no “gone”" in answer.content.decode()


def test_a_wrong_filter_of_the_history_lists_nothing(
    browse: Callable[..., Client], auditor: User, make_send: Callable[..., object]
) -> None:
    make_send()
    client = browse(auditor)
    assert len(client.get(reverse("history")).context["page"].rows) == 1
    for query in ("version=0", "since=yesterday", "status=gone", f"q={TOO_LONG}"):
        answer = client.get(f"{reverse('history')}?{query}")
        assert (answer.status_code, answer.context["page"].rows) == (422, [])


def test_a_wrong_filter_of_messages_lists_nothing(
    browse: Callable[..., Client], administrator: User
) -> None:
    webhook = make_public_webhook()
    answer = browse(administrator).get(
        reverse("webhook-detail", args=[webhook.pk]) + "?status=gone"
    )
    assert (answer.status_code, answer.context["page"].rows) == (422, [])
