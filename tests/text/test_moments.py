"""A time that somebody gives has one meaning, or is refused, wherever it is given."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django import forms
from tablib import Dataset

from console.accounts.models import Scope
from console.catalogue.models import NoticeVersion
from console.catalogue.transfer.reading import read_rows
from console.errors import InvalidInput
from console.sends.history_filter import DeliveryFilter
from console.sends.plan.schedule import zone_named
from console.text.form_fields import ClockField, MomentField, SinceField
from console.text.moments import read_iso
from tests.support.calling import by_token, error

DAY = "2027-03-04"
NO_TIMES = ("20270304", "20270304T0910", "2027-W09-4", "2027-063", "03/04/2027 09:10", "04.03.2027",
            "1804150200", "09:10", "2027-03-04T09", "2027-03-04T24:00", "2027-02-30T09:10",
            "2027-03-04T09:10[Europe/Berlin]", "2027-03-04T09:10 CET", "tomorrow")  # fmt: skip
SKIPPED, TWICE = "2027-03-28T02:30", "2027-10-31T02:30"


@pytest.fixture(autouse=True)
def berlin(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-03-04T09:10", datetime(2027, 3, 4, 9, 10)),
        ("2027-03-04 09:10:11,5", datetime(2027, 3, 4, 9, 10, 11, 500_000)),
        ("2027-03-04T09:10Z", datetime(2027, 3, 4, 9, 10, tzinfo=UTC)),
        ("2027-03-04T09:10+0130", datetime(2027, 3, 4, 7, 40, tzinfo=UTC)),
        ("2027-03-04T09:10-00:00", datetime(2027, 3, 4, 9, 10, tzinfo=UTC)),
    ],
)
def test_a_time_of_one_meaning(text: str, expected: datetime) -> None:
    assert read_iso(text) == expected


@pytest.mark.django_db
@pytest.mark.parametrize("given", [*NO_TIMES, DAY, SKIPPED, TWICE])
def test_what_is_no_time_for_the_api(
    make_client: Any, make_notice: Callable[..., NoticeVersion], given: str
) -> None:
    make_notice(key="hello")
    program = by_token(make_client(Scope.CATALOGUE, Scope.SEND)[1])
    version = {"default_locale": "en", "bodies": {"en": "Hello"}}
    for field in ("valid_from", "valid_until"):
        answer = program.raw("POST", "notices/hello/versions/", {**version, field: given})
        assert answer.status_code == 400, answer.content
        assert field in answer.json()["message"] or answer.json()["details"] == {"field": field}
    send = {"notice": "hello", "interactions": ["a"], "time_zone": "Europe/Berlin", "dry_run": True}
    assert program("POST", "sends/", {**send, "scheduled_at": given})[0] == 400
    if given != DAY:  # there it is the first moment of a day
        error(program.raw("GET", f"deliveries/?from={given}"), 400, _code(given))


def _code(given: str) -> str:
    codes = {SKIPPED: "time_does_not_exist", TWICE: "time_exists_twice"}
    return codes.get(given, "invalid_filter")


def test_a_day_is_its_first_moment_where_it_is_looked_for() -> None:
    since = DeliveryFilter.from_mapping({"from": DAY}).since
    assert since == datetime(2027, 3, 3, 23, 0, tzinfo=UTC)
    assert SinceField().clean(DAY) == since


@pytest.mark.parametrize("given", [*NO_TIMES, DAY, SKIPPED, TWICE])
@pytest.mark.parametrize(
    "field", [MomentField(), SinceField(), ClockField()], ids=lambda field: type(field).__name__
)
def test_what_is_no_time_for_a_page(field: forms.Field, given: str) -> None:
    on_a_zones_clocks = isinstance(field, ClockField) and given in (SKIPPED, TWICE)
    if on_a_zones_clocks or (isinstance(field, SinceField) and given == DAY):
        return
    with pytest.raises(forms.ValidationError):
        field.clean(given)


def test_the_clocks_of_a_zone_have_no_offset() -> None:
    assert ClockField().clean("2027-03-04T09:10") == datetime(2027, 3, 4, 9, 10)
    with pytest.raises(forms.ValidationError):
        ClockField().clean("2027-03-04T09:10+05:00")


@pytest.mark.parametrize("given", [*NO_TIMES, DAY, SKIPPED, TWICE])
def test_what_is_no_time_for_an_import(given: str) -> None:
    data = Dataset(["hello", given], headers=["key", "valid_until"])
    (row,) = read_rows(data, first=1, restore=False)
    assert [refusal.column for refusal in row.report.refusals] == ["valid_until"]


@pytest.mark.parametrize(
    "name",
    ["localtime", "Factory", "posixrules", "posix/Europe/Berlin", "right/Europe/Berlin", "GMT+2"],
)
def test_a_zone_that_is_no_places(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        zone_named(name)
    assert refused.value.code == "unknown_time_zone"


@pytest.mark.parametrize("name", ["US/Eastern", "Europe/Kyiv", "Europe/Kiev", "Etc/GMT+2", "UTC"])
def test_a_zone_under_another_of_its_names(name: str) -> None:
    assert zone_named(name).key == name
