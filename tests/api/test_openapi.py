"""The API's own description: valid, whole, and readable without the internet."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils.html import escape

from console.accounts.models import User
from console.webhooks.models import TEST, EventType
from tests.api.test_access import TABLE, implemented
from tests.support.calling import Caller

OPERATIONS = Path(__file__).with_name("operations.txt")


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


def test_the_names_of_operations_stay(almighty: Caller) -> None:
    """They are the names of functions in clients that others have generated. A new call is a new
    line; a line that is changed or goes away breaks their programs."""
    names = sorted(operation["operationId"] for operation in operations(described(almighty)))
    assert names == OPERATIONS.read_text("utf-8").split()
    assert len(set(names)) == len(names)


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def nodes(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield where, node
        for name, inner in node.items():
            yield from nodes(inner, f"{where}/{name}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from nodes(inner, f"{where}/{number}")


def schemas(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that describes a value, and where it stands."""
    for where, node in nodes(document):
        parent, _slash, name = where.rpartition("/")
        if name in ("schema", "items", "additionalProperties", "propertyNames") or (
            parent.endswith(("/properties", "/components/schemas"))
        ):
            yield where, node


KINDS = {"type", "$ref", "anyOf", "oneOf", "allOf", "const", "enum"}
OF_3_0 = {"nullable", "example", "exclusiveMinimum", "exclusiveMaximum"}


def test_every_value_has_a_type(almighty: Caller) -> None:
    for where, schema in schemas(described(almighty)):
        if not where.endswith("/propertyNames"):
            assert KINDS & set(schema), (where, schema)
        if schema.get("type") == "array":
            assert schema["items"], where
        if schema.get("type") == "object":
            assert "properties" in schema or schema.get("additionalProperties"), (where, schema)


def test_it_is_in_the_words_of_3_1(almighty: Caller) -> None:
    document = described(almighty)
    assert document["openapi"].startswith("3.1.")
    for where, schema in schemas(document):
        assert not OF_3_0 & set(schema), where
        # What stands beside a reference counts, so nothing is wrapped.
        assert len(schema.get("allOf", [{}, {}])) > 1, where


def test_an_enumeration_has_one_name(almighty: Caller) -> None:
    document = described(almighty)
    named = {
        name: frozenset(schema["enum"])
        for name, schema in document["components"]["schemas"].items()
        if "enum" in schema
    }
    assert len(set(named.values())) == len(named)
    for where, schema in schemas(document):
        if where.count("/") > 3 and "enum" in schema:
            assert frozenset(schema["enum"]) not in named.values(), where


def test_nobody_has_to_give_what_has_a_default(almighty: Caller) -> None:
    """Generators take a field with a default for one that is always there."""
    for where, schema in schemas(described(almighty)):
        assert "default" not in schema or "/parameters/" in where, where


def test_what_it_says_is_for_its_readers(almighty: Caller) -> None:
    document = described(almighty)
    assert document["servers"]
    tags = {tag["name"] for tag in document["tags"] if tag["description"]}
    for operation in operations(document):
        assert set(operation["tags"]) <= tags
        assert all(answer["description"] for answer in operation["responses"].values())
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (operation["operationId"], parameter["name"])
    told = [str(node.get("description", "")) for _where, node in nodes(document)]
    for inside in (
        "What the views of",
        "Knows the actor",
        "StrictInput",
        "serializer",
        "console.api",
    ):
        assert not [text for text in told if inside in text], inside


def test_a_send_has_one_answer(almighty: Caller) -> None:
    document = described(almighty)
    answers = {
        name: sorted(status for status in operation["responses"] if status < "400")
        for operation in operations(document)
        if (name := operation["operationId"]).startswith("sends_")
    }
    assert answers["sends_create"] == ["201"]
    assert answers["sends_preview"] == ["200"]
    components = document["components"]["schemas"]
    plain, sent = components["SendOutput"], components["SentOutput"]
    assert sent["required"] == plain["required"]
    assert set(sent["properties"]) - set(plain["properties"]) == {"deliveries"}
    for answer in components.values():
        assert "oneOf" not in answer
    dry_run = components["SendInputRequest"]["properties"]["dry_run"]
    assert dry_run["deprecated"] is True


def test_it_describes_each_webhook(almighty: Caller) -> None:
    document = described(almighty)
    assert set(document["webhooks"]) == {*EventType.values, TEST}
    for kind, methods in document["webhooks"].items():
        body = methods["post"]["requestBody"]["content"]["application/json"]["schema"]
        event = document["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]
        assert event["properties"]["type"]["const"] == kind


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
