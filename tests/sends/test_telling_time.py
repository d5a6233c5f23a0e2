"""Texts that tell the time are the same send in the next moment."""

from typing import Any

import pytest

from console.sends.plan.planner import plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder

pytestmark = pytest.mark.usefixtures("chat_server")


@pytest.mark.parametrize("clock", ["{{ now | date: '%M %f' }}", "{{ 'now' | date: '%f' }}"])
@pytest.mark.parametrize("in_snippet", [False, True])
def test_a_text_that_tells_the_time_is_still_the_same_send(
    supervisor, make_interaction, make_notice, clock, in_snippet
):
    make_interaction("a")
    if in_snippet:
        make_notice(clock, key="the-time", kind="snippet")
        clock = "{% snippet 'the-time' %}"
    make_notice(f"It is {clock}", key="clock")
    actor = supervisor.to_actor()
    arguments: dict[str, Any] = {"notice_key": "clock", "interactions": ["a"]}
    shown = Promise.of(plan_send(actor, SendOrder(**arguments))).written()
    assert send_create(actor, SendOrder(**arguments, expected_plan=shown)).ready_count == 1
