"""Pages by keys: both ways, from either end, whatever is added meanwhile."""

from itertools import pairwise

import pytest
from django.http import QueryDict

from console.accounts.models import Team
from console.editing.paging import KeysetPage, keyset_page

pytestmark = pytest.mark.django_db

SIZE = 3


def page(query: str = "") -> KeysetPage:
    return keyset_page(Team.objects.all(), QueryDict(query.removeprefix("?")), SIZE)


def names(shown: KeysetPage) -> list[str]:
    return [team.name for team in shown.rows]


@pytest.fixture(params=range(8))
def teams(request: pytest.FixtureRequest) -> list[str]:
    """The names of some teams, the newest first."""
    made = [f"team {number}" for number in range(request.param)]
    for name in made:
        Team.objects.create(name=name)
    return made[::-1]


def test_older_pages_lead_to_the_oldest_and_newer_ones_back(teams: list[str]) -> None:
    shown = [page()]
    while shown[-1].older:
        shown.append(page(shown[-1].older))
    assert [name for each in shown for name in names(each)] == teams
    assert all(len(each.rows) == SIZE for each in shown[:-1])
    assert not shown[0].newest
    for newer, older in pairwise(shown):
        assert names(page(older.newer)) == names(newer)
        assert page(older.newest) == shown[0]
        assert names(page(newer.oldest)) == teams[-SIZE:]
    assert not shown[-1].oldest


def test_from_the_oldest_page_to_the_newest(teams: list[str]) -> None:
    shown = [page("oldest=1")]
    while shown[-1].newer:
        shown.append(page(shown[-1].newer))
    assert [name for each in reversed(shown) for name in names(each)] == teams


def test_new_rows_shift_no_page() -> None:
    for number in range(7):
        Team.objects.create(name=f"team {number}")
    second = page(page().older)
    Team.objects.create(name="new")
    assert names(page(page().older)) != names(second)
    assert names(page(second.older)) == ["team 0"]
    assert names(page(second.newer)) == ["team 6", "team 5", "team 4"]


def test_the_filters_stay() -> None:
    for number in range(7):
        Team.objects.create(name=f"team {number}")
    second = page(page("q=team&before=5000").older)
    for query in (second.newest, second.newer, second.older, second.oldest):
        assert query.startswith("?q=team")
        assert query.count("before") + query.count("after") + query.count("oldest") <= 1


@pytest.mark.parametrize(
    "odd", ["before=", "before=x", "after=-1", "before=" + "9" * 19, "before=²"]
)
def test_what_is_no_key_is_not_read(odd: str) -> None:
    Team.objects.create(name="only")
    assert names(page(f"before={odd}")) == names(page(f"after={odd}")) == ["only"]


def test_beyond_the_end_there_is_a_way_back() -> None:
    team = Team.objects.create(name="only")
    for beyond in (f"before={team.pk}", f"after={team.pk}"):
        shown = page(beyond)
        assert shown.rows == []
        assert names(page(shown.newest)) == ["only"]
        assert (shown.newest, shown.older) == ("?", "")
