"""The API's own description: valid, whole, and readable without the internet."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils.html import escape

from console.accounts.models import User
from tests.api.conftest import Caller
from tests.api.test_access import TABLE, implemented


def described(almighty: Caller) -> dict[str, Any]:
    document: dict[str, Any] = almighty.get("schema/")
    return document


pytestmark = pytest.mark.django_db


def test_the_description_is_valid_and_without_warnings() -> None:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert out.getvalue().startswith("openapi: 3")


def test_it_describes_every_route(almighty: Caller) -> None:
    document = described(almighty)
    operations = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert len(operations) == len(TABLE) - 1 == len(implemented()) - 1  # itself is left out
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert {"400", "401", "403", "429", "503"} <= set(operation["responses"]), path


def test_operations_have_names_of_their_own(almighty: Caller) -> None:
    names = [
        operation["operationId"]
        for methods in described(almighty)["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(names)) == len(names)


def test_it_names_both_ways_to_sign_in(almighty: Caller, settings: Any) -> None:
    schemes = described(almighty)["components"]["securitySchemes"]
    assert schemes["token"] == {"type": "http", "scheme": "bearer"}
    assert schemes["session"]["name"] == settings.SESSION_COOKIE_NAME


@pytest.fixture
def page(auditor: User, person: Callable[[User], Caller]) -> str:
    response = person(auditor).raw("GET", reverse("api:docs"))
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_shows_every_operation(page: str, almighty: Caller) -> None:
    for path, methods in described(almighty)["paths"].items():
        assert path in page
        for operation in methods.values():
            assert escape(operation["summary"]) in page


def test_the_page_loads_nothing_from_elsewhere(page: str) -> None:
    loaded = re.findall(r'(?:src|href|action|srcset|data|poster)="([^"]*)"', page)
    assert loaded
    assert [address for address in loaded if re.match(r"(?:[a-z]+:)?//", address)] == []
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page)
