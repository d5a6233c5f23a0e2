"""What a caller of the API may make up: cursors, times, teams, languages."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import ApiClient, Scope, Team, User
from console.accounts.roles import Role
from console.catalogue.content.bodies import LOCALE_LIMIT
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create
from console.errors import InvalidInput
from console.sends.history_filter import DeliveryFilter
from tests.support.factories import ROOT
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

NOTICE: dict[str, Any] = {"key": "newest", "kind": "message", "title": "New"}


@pytest.fixture
def call(client: Client, make_client: Callable[..., tuple[ApiClient, str]]) -> Callable[..., Any]:
    """A call by a program with some scopes."""
    client.raise_request_exception = False

    def make(method: str, path: str, body: Any = None, scopes: tuple[str, ...] = ()) -> Any:
        headers = {"Authorization": f"Bearer {make_client(*scopes)[1]}"}
        send = getattr(client, method)
        return send(f"/api/v1/{path}", body, content_type="application/json", headers=headers)

    return make


@pytest.mark.parametrize("digits", [19, 4299, 4301, 50_000])
def test_a_cursor_of_many_digits(call: Callable[..., Any], digits: int) -> None:
    cursor = base64.b64encode(f"p={'9' * digits}".encode()).decode()
    response = call("get", f"deliveries/?cursor={cursor}")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize(
    "time",
    [
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "0001-01-01",
        "9999-12-31",
        "1969-12-31",
        "9001-01-01T00:00:00Z",
    ],
)
def test_a_time_at_the_end_of_times(call: Callable[..., Any], time: str) -> None:
    with pytest.raises(InvalidInput):
        DeliveryFilter.from_mapping({"from": time})
    response = call("get", f"deliveries/?from={time.replace('+', '%2B')}")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_filter"


@pytest.mark.parametrize("name", ["Sales", "Nobody"])
def test_who_may_not_write_learns_of_no_team(
    call: Callable[..., Any], team: Team, name: str
) -> None:
    scopes = (Scope.SEND,)
    created = call("post", "notices/", {**NOTICE, "team": name}, scopes)
    notice_create(ROOT, **NOTICE)
    changed = call("patch", "notices/newest/", {"team": name}, scopes)
    assert (created.status_code, changed.status_code) == (403, 403)


def test_a_version_has_so_many_languages() -> None:
    notice = notice_create(ROOT, **NOTICE)
    bodies = {"en": "Hi"} | {f"en-{n:02}": "Hi" for n in range(LOCALE_LIMIT)}
    with pytest.raises(InvalidInput) as refused:
        version_create(ROOT, notice, VersionContent(default_locale="en", bodies=bodies))
    assert refused.value.code == "too_many_locales"
    del bodies["en-00"]
    version_create(ROOT, notice, VersionContent(default_locale="en", bodies=bodies))


def test_the_schema_is_for_those_who_are_let_in(
    client: Client, call: Callable[..., Any], make_user: Callable[..., User]
) -> None:
    refused = client.get("/api/v1/schema/")
    assert refused.status_code == 401
    assert refused.json()["code"] == "not_authenticated"
    assert call("get", "schema/").status_code == 200
    sign_in(client, make_user("audrey", Role.AUDITOR))
    assert client.get("/api/v1/schema/").status_code == 200
