"""Texts that tell the time are the same plan in the next moment; of others no change is missed."""

import pytest

from console.errors import Conflict
from console.sends.services import send_create, send_preview

pytestmark = pytest.mark.usefixtures("chat_server")


@pytest.mark.parametrize(
    "clock", ["{{ now | date: '%M %f' }}", "{{ 'now' | date: '%f' }}", "{{ 'today' | date: '%f' }}"]
)
@pytest.mark.parametrize("in_snippet", [False, True])
def test_a_text_that_tells_the_time_is_still_the_same_plan(
    supervisor, make_interaction, make_notice, clock, in_snippet
):
    make_interaction("a")
    if in_snippet:
        make_notice(clock, key="the-time", kind="snippet")
        clock = "{% snippet 'the-time' %}"
    make_notice(f"It is {clock}", key="clock")
    actor = supervisor.to_actor()
    arguments = {"notice_key": "clock", "interactions": ["a"]}
    shown = send_preview(actor, **arguments).digest
    assert send_create(actor, **arguments, expected_plan=shown).pk


def test_words_that_only_look_like_the_time_hide_no_change(
    supervisor, make_interaction, make_notice
):
    make_interaction("a", user_data={"FirstName": "Zoe", "now": "x"})
    make_notice("Now you know", key="known", kind="snippet")
    make_notice("{% snippet 'known' %}, {{ data.FirstName }}: {{ data.now }}, now", key="hello")
    actor = supervisor.to_actor()
    arguments = {"notice_key": "hello", "interactions": ["a"]}
    shown = send_preview(actor, **arguments).digest
    make_interaction("a", user_data={"FirstName": "Eve", "now": "x"})
    with pytest.raises(Conflict, match="changed"):
        send_create(actor, **arguments, expected_plan=shown)
