"""What the console promises beyond its OpenAPI document, as checks for schemathesis."""

from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

LEAKS = ("Traceback", "psycopg", "django.", "SELECT ", "/console/", "site-packages")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Not the old way to ask for a preview, whose answer the document leaves out on purpose: a call
    has one answer. tests/api/test_preview.py holds it."""
    if case.operation.label != "POST /api/v1/sends/" or not isinstance(case.body, dict):
        return True
    return not case.body.get("dry_run")


@schemathesis.check
def never_refused_for_its_shape(ctx: Any, response: Any, case: Any) -> None:
    """What fits the document may be refused for what it means, by a code that says so."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if response.status_code == 400:
        code = response.json()["code"]
        assert code not in ("invalid_input", "invalid_json", "unknown_filter"), response.text


@schemathesis.check
def errors_have_the_house_shape(ctx: Any, response: Any, case: Any) -> None:
    if response.status_code >= 400 and case.method != "HEAD":
        answer = response.json()
        assert set(answer) == {"code", "message", "params", "details"}, answer
        assert answer["code"], answer
        assert answer["message"].strip(), answer
        told = answer["message"]
        assert not [leak for leak in LEAKS if leak in told], answer


@schemathesis.check
def answers_carry_the_headers(ctx: Any, response: Any, case: Any) -> None:
    given = {name.lower(): values[0] for name, values in response.headers.items()}
    for name, value in HEADERS.items():
        assert given.get(name.lower()) == value, (name, given)
    assert "server" not in given
    assert "default-src 'self'" in given["content-security-policy"]
