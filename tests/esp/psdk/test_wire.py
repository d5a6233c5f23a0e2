"""Requests through stand-ins for the SDK over real TCP: what arrives, and how fast and mixed."""

from typing import Any

import pytest

from tests.esp.psdk.servers import beside, echoing_out_of_order
from tests.esp.support import SimulatorProcess, silence
from tests.support.java_stand_ins import JavaProcess, needs_java

pytestmark = needs_java

TEXTS = ["Hello", "Grüße", "Привет, агент скоро будет", "👋🏽 𝄞", 'a "b" \\ \n\t\0 c', "漢字"]


def url_of(simulator: SimulatorProcess) -> str:
    return simulator.url.replace("esp+json", "psdk")


def test_messages_and_notices_arrive_as_they_were_sent(
    simulator: SimulatorProcess, java: JavaProcess
) -> None:
    user_data = [
        ["InteractionId", "values"],
        *(["Text", text] for text in ["", *TEXTS]),
        ["Text", -(2**31)],
        ["Text", {"hex": "00ff7f80"}],
        ["Nested", [["a", [["b", [["c", "Ж"], ["c", 1], ["c", []]]]]], ["a", ""]]],
    ]
    requests: list[dict[str, Any]] = [
        {"text": text, "user_data": user_data, "tenant_id": 7, "nickname": "Büro"} for text in TEXTS
    ]
    requests += [
        {"notice_type": "USER_CUSTOM", "user_data": user_data},
        {"notice_type": "USER_CUSTOM", "text": "Ж", "visibility": "VIP", "user_data": user_data},
        {
            "notice_type": "USER_PUSHED_URL",
            "text": "https://www.example.com/?q=1",
            "user_data": user_data,
        },
    ]
    outcomes = java.play("ask", url=url_of(simulator), requests=requests)
    assert [outcome["kind"] for outcome in outcomes] == ["accepted"] * len(requests)
    assert [outcome["reference_id"] for outcome in outcomes] == list(range(1, len(requests) + 1))
    assert outcomes[0]["answer"] == [{"key": "Service", "type": "str", "value": "Chat"}]
    assert all(outcome["round_trip"] > 0 for outcome in outcomes)
    arrived = [line for line in simulator.journalled() if line["interaction_id"] == "values"]
    by_esp_json = [
        {"request": plain_of(fields)["request"], "user_data": plain_of(fields)["user_data"]}
        for fields in requests
    ]
    assert [{name: line[name] for name in by_esp_json[0]} for line in arrived] == by_esp_json


def plain_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The same request as the open framing would carry it: ASCII as str, all else as utf."""
    from console.esp.outcomes import plain
    from tests.esp.psdk.scenes import request_of

    request = request_of(fields)
    return {"request": plain(request.request), "user_data": plain(request.user_data)}


def test_lists_of_any_shape_come_back_from_java_as_they_went_in(java: JavaProcess) -> None:
    assert java.play("random_lists", seed=6, number=60) > 200


def test_two_thousand_requests_with_sixteen_in_flight_and_answers_out_of_order(
    java: JavaProcess,
) -> None:
    with beside(echoing_out_of_order(seed=6)) as port:
        played = java.play("flood", url=f"psdk://127.0.0.1:{port}", number=2000, in_flight=16)
    assert played == {"kinds": ["accepted"], "most": 16, "wrong": [], "left": 0}


def test_the_loop_goes_on_while_java_waits(java: JavaProcess) -> None:
    """A call into Java that kept Python's lock would stop everything for two seconds."""
    with beside(silence) as port:
        assert java.play("ticks_while_java_waits", url=f"psdk://127.0.0.1:{port}") > 20


def test_threads_that_are_over_are_forgotten_by_java(
    simulator: SimulatorProcess, java: JavaProcess
) -> None:
    before, after = java.play("threads_known_to_java", url=url_of(simulator))
    assert after - before <= 2  # of Java's own; a channel that left one would leave three


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", []),
        (
            "?addp-timeout=10&addp-remote-timeout=11&addp-trace=both",
            [
                ["addp-timeout", "int", "10"],
                ["addp-remote-timeout", "int", "11"],
                ["addp-trace", "str", "both"],
            ],
        ),
        (
            "?string-attributes-encoding=UTF-8&sdk.protocol=addp",
            [["string-attributes-encoding", "str", "UTF-8"], ["protocol", "str", "addp"]],
        ),
    ],
)
def test_options_of_the_address_reach_the_sdk(
    simulator: SimulatorProcess, java: JavaProcess, query: str, told: list[list[str]]
) -> None:
    url = url_of(simulator) + query
    where = ["NoticeConsole", "127.0.0.1", simulator.port]
    assert java.play("options", url=url) == [where, *told]
