"""Times in a zone: what the clocks there show, and what they never do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.errors import InvalidInput, Unprocessable
from console.sends.models import SendStatus
from console.sends.plan.planner import plan_send
from console.sends.plan.schedule import moment, require_near_future
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder

WINTER = datetime(2027, 1, 15, 9, 30)
SUMMER = datetime(2027, 7, 15, 9, 30)


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        (WINTER, "Europe/Berlin", datetime(2027, 1, 15, 8, 30, tzinfo=UTC)),
        (SUMMER, "Europe/Berlin", datetime(2027, 7, 15, 7, 30, tzinfo=UTC)),
        (SUMMER, "Asia/Kolkata", datetime(2027, 7, 15, 4, 0, tzinfo=UTC)),
        (SUMMER, "UTC", datetime(2027, 7, 15, 9, 30, tzinfo=UTC)),
        # The last minute before and the first after the clocks are changed.
        (datetime(2027, 3, 28, 1, 59), "Europe/Berlin", datetime(2027, 3, 28, 0, 59, tzinfo=UTC)),
        (datetime(2027, 3, 28, 3, 0), "Europe/Berlin", datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        (datetime(2027, 10, 31, 3, 0), "Europe/Berlin", datetime(2027, 10, 31, 2, 0, tzinfo=UTC)),
    ],
)
def test_a_time_on_the_clocks_of_a_zone(local, zone, utc):
    assert moment(local, zone) == utc


def test_an_offset_says_it_all():
    at = datetime.fromisoformat("2027-10-31T02:30:00+02:00")
    assert moment(at, "Europe/Berlin") is at
    assert moment(at) is at


def test_a_time_that_the_clocks_skip():
    with pytest.raises(InvalidInput, match="02:30 on 28 March 2027 does not exist") as refused:
        moment(datetime(2027, 3, 28, 2, 30), "Europe/Berlin")
    assert refused.value.code == "time_does_not_exist"


def test_a_time_that_comes_twice():
    with pytest.raises(InvalidInput, match="twice") as refused:
        moment(datetime(2027, 10, 31, 2, 30), "Europe/Berlin")
    assert refused.value.code == "time_exists_twice"
    for offset in ("+02:00", "+01:00"):
        assert f"2027-10-31T02:30:00{offset}" in refused.value.message
    with pytest.raises(InvalidInput, match="twice"):
        moment(datetime(2027, 10, 31, 2, 30, fold=1), "Europe/Berlin")


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../etc/passwd", "/etc/passwd", "a\0b"])
def test_a_zone_that_is_none(name):
    for at in (WINTER, WINTER.replace(tzinfo=UTC)):
        with pytest.raises(InvalidInput) as refused:
            moment(at, name)
        assert refused.value.code == "unknown_time_zone"


def test_a_time_without_any_zone():
    with pytest.raises(InvalidInput, match="offset"):
        moment(WINTER)


@pytest.mark.parametrize("at", [datetime.min, datetime.max])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_time_at_the_edge_of_all_times_is_out_of_range(at, zone):
    with pytest.raises(InvalidInput) as refused:
        require_near_future(moment(at, zone), timezone.now())
    assert refused.value.code in ("scheduled_in_the_past", "scheduled_too_late")


@pytest.mark.usefixtures("chat_server")
def test_a_send_keeps_the_zone_of_its_time(supervisor, make_interaction, make_notice):
    make_interaction("zoe")
    make_notice(key="hello")
    actor = supervisor.to_actor()
    arguments: dict[str, Any] = {"notice_key": "hello", "interactions": ["zoe"]}
    ahead = timezone.now() + timedelta(hours=1)
    send = send_create(actor, SendOrder(**arguments, scheduled_at=ahead, time_zone="Europe/Berlin"))
    assert (send.status, send.scheduled_at, send.time_zone) == (
        SendStatus.SCHEDULED,
        ahead,
        "Europe/Berlin",
    )
    assert send.release_at == ahead
    with pytest.raises(InvalidInput, match="no time zone"):
        send_create(actor, SendOrder(**arguments, scheduled_at=ahead, time_zone="Nowhere"))
    assert send_create(actor, SendOrder(**arguments, time_zone="Europe/Berlin")).time_zone == ""


@pytest.mark.usefixtures("chat_server")
def test_a_notice_must_be_valid_when_it_leaves(supervisor, make_interaction, make_notice):
    make_interaction("zoe")
    now = timezone.now()
    make_notice(key="today", valid_until=now + timedelta(hours=1))
    make_notice(key="tomorrow", valid_from=now + timedelta(hours=12))
    actor = supervisor.to_actor()
    arguments: dict[str, Any] = {"interactions": ["zoe"], "scheduled_at": now + timedelta(hours=24)}
    for act in (plan_send, send_create):
        with pytest.raises(Unprocessable, match="not valid at that time"):
            act(actor, SendOrder(notice_key="today", **arguments))
        assert act(actor, SendOrder(notice_key="tomorrow", **arguments))
