"""Each kind of notice has all that it needs to be written, sent and shown."""

import re
from pathlib import Path

import pytest

from console.catalogue.kinds import TRAITS, NoticeKind, hints, traits
from console.esp.messages import KVList
from console.esp.requests import EspRequest
from console.esp.simulator.service import _METHODS
from console.sends.engine.gateway import BUILDERS

SPRITE = Path(__file__).parents[2] / "static" / "icons" / "sprite.svg"
SKELETON = Path(__file__).parents[2] / "docs" / "examples" / "orchestration-notice.scxml"
SENT = [kind for kind in NoticeKind if traits(kind).is_sent]


def test_each_kind_has_its_traits() -> None:
    assert set(TRAITS) == set(NoticeKind)
    drawn = set(re.findall(r'id="([\w-]+)"', SPRITE.read_text("utf-8")))
    for kind in NoticeKind:
        assert traits(kind).icon in drawn, kind
        assert str(traits(kind).hint) in str(hints()), kind


@pytest.mark.parametrize("kind", SENT)
def test_each_method_can_be_built_and_is_known_to_the_simulator(kind: NoticeKind) -> None:
    assert traits(kind).method in BUILDERS
    assert traits(kind).method in _METHODS


@pytest.mark.parametrize("kind", SENT)
def test_the_text_goes_in_the_parameter_that_pages_name(kind: NoticeKind) -> None:
    class Claimed:
        chat_server_name = "chat-east"
        body = "https://example.com/help"
        message_type = ""
        nickname = "Desk"
        visibility = "ALL"

    Claimed.kind = kind  # type: ignore[attr-defined]
    built: EspRequest = BUILDERS[traits(kind).method](Claimed(), KVList.of({}))  # type: ignore[arg-type]
    parameters = built.request.get("Parameters")
    assert isinstance(parameters, KVList)
    assert parameters.get(traits(kind).text_parameter) == Claimed.body
    for name, value in traits(kind).constants.items():
        assert parameters.get(name) == value


@pytest.mark.parametrize("kind", SENT)
def test_the_workflow_of_the_docs_carries_each_method(kind: NoticeKind) -> None:
    assert f"'{traits(kind).method}'" in SKELETON.read_text("utf-8")
