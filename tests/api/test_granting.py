"""A refusal says who can give what is missing; and the scope of the auditor's programs."""

from collections.abc import Callable

import pytest

from console.accounts.models import User
from tests.api.test_access import addresses  # noqa: F401 - a fixture
from tests.support.calling import Caller

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("scopes", "method", "path", "told"),
    [
        (
            ["feed"],
            "GET",
            "audit/export/",
            "client the scope audit, which another administrator confirms.",
        ),
        (["feed"], "GET", "notices/", "the scope read, or, with another administrator's conf"),
        (["read"], "GET", "webhooks/", "can give this API client the scope admin."),
        (["send"], "POST", "sends/1/approve/", "no scope gives it to a program: a person with"),
    ],
)
def test_a_program_is_told_who_can_give_what_it_lacks(
    program: Callable[..., Caller], scopes: list[str], method: str, path: str, told: str
) -> None:
    status, answer = program(*scopes)(method, path)
    assert (status, answer["code"]) == (403, "permission_refused")
    assert told in answer["message"]


def test_a_person_is_told_who_can_give_what_they_lack(
    administrator: User, editor: User, person: Callable[[User], Caller]
) -> None:
    for user, told in (
        (editor, "an administrator can grant it, with the role Auditor."),
        (administrator, "another administrator can grant it, with the role Auditor."),
    ):
        assert told in person(user)("GET", "audit/entries/")[1]["message"]


def test_an_auditors_program_reads_and_proves(
    addresses: dict[str, str],  # noqa: F811
    program: Callable[..., Caller],
) -> None:
    auditing = program("audit", "read")
    assert auditing.get("audit/entries/")["results"]
    for path in ("audit/export/", addresses["send-proof"]):
        response = auditing.raw("GET", path)
        assert response.status_code == 200
        assert b"".join(response.streaming_content).startswith(b"PK")
