"""A filter that can't be read finds nothing and says why: it never stands there beside all rows."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.services import api_client_create
from console.catalogue.models import NoticeVersion
from tests.conftest import ROOT
from tests.webhooks.things import make_public_webhook

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
