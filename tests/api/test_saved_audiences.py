"""Saved audiences by the API."""

from collections.abc import Callable
from typing import Any

import pytest

from console.accounts.models import ApiClient, Team, User
from console.errors import NotFound
from console.interactions.models import Interaction, SavedView
from console.interactions.saved_views import saved_view_get
from tests.support.calling import by_token, error

pytestmark = pytest.mark.django_db
Make = Callable[..., Interaction]
Clients = Callable[..., tuple[ApiClient, str]]


def test_by_the_api(make_client: Clients, team: Team, make_interaction: Make) -> None:
    make_interaction("a1", queue="billing", user_data={"Plan": "gold"})
    caller = by_token(make_client("send")[1])
    audience = {"queue": ["billing", "sales"], "waiting": {"more_than": 0}}
    made = caller.post("audiences/", {"name": "Bills", "audience": audience})
    assert made["audience"] == {
        "all": [{"queue": ["billing", "sales"]}, {"waiting": {"more_than": 0}}]
    }
    assert (made["team"], made["sort"], made["position"]) == (None, "-waiting", 1)
    ours = caller.post(
        "audiences/", {"name": "Ours", "audience": {"everyone": True}, "team": "Sales"}
    )
    assert [each["name"] for each in caller.get("audiences/")["results"]] == ["Bills", "Ours"]
    path = f"audiences/{made['id']}/"
    changed = {"name": "Gold", "audience": {"data": {"Plan": "gold"}}, "sort": "queue"}
    status, answer = caller("PATCH", path, changed)
    assert (status, answer) == (200, {**made, **changed})
    assert caller.get(path) == answer
    status, moved = caller("PATCH", f"audiences/{ours['id']}/", {"position": 1})
    assert (status, moved["position"]) == (200, 1)
    assert caller("DELETE", path) == (204, None)
    error(caller.raw("GET", path), 404, "view_not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "X"}, "invalid"),
        ({"audience": {"queue": "a"}}, "invalid"),
        ({"name": "X", "audience": {}}, "invalid"),
        ({"name": "X", "audience": {"queue": ""}}, "invalid_audience"),
        ({"name": "X", "audience": {"queue": []}}, "invalid_audience"),
        ({"name": "X", "audience": {"colour": "red"}}, "invalid_audience"),
        ({"name": "X", "audience": {"team": "Nowhere"}}, "invalid_audience"),
        ({"name": "X", "audience": {"view": 1}}, "invalid_audience"),
        ({"name": "X", "audience": {"queue": "a"}, "sort": "colour"}, "invalid_sort"),
    ],
)
def test_the_api_refuses_what_says_nothing(
    make_client: Clients, body: dict[str, Any], code: str
) -> None:
    caller = by_token(make_client("send")[1])
    status, answer = caller("POST", "audiences/", body)
    assert status == 400, answer
    assert answer["code"].startswith(code) or code == "invalid", answer
    assert SavedView.objects.count() == 0


def test_a_team_of_others_is_not_there_for_the_api(
    outsider: User, team: Team, make_client: Clients, person: Callable[[User], Any]
) -> None:
    body = {"name": "X", "audience": {"queue": "a"}, "team": "Sales"}
    for caller in (person(outsider), by_token(make_client("read")[1])):
        error(caller.raw("POST", "audiences/", body), 404, "team_not_found")
    error(person(outsider).raw("GET", "audiences/4711/"), 404, "view_not_found")
    with pytest.raises(NotFound):
        saved_view_get(outsider.to_actor(), 4711)
