"""The same situation has the same outcome through every transport: never more than is known."""

import pytest

from tests.esp.transport_legs import LEGS, NEVER_SECONDS, SOON_SECONDS, Leg, leg_of
from tests.support.java_stand_ins import java, java_classes

__all__ = ["java", "java_classes"]

# Situation, outcome, how often it was carried out, and the seconds that one has.
TABLE = [
    ("takes it", "accepted", 1, NEVER_SECONDS),
    ("refuses it", "refused", 0, NEVER_SECONDS),
    ("is not there", "not_sent", 0, NEVER_SECONDS),
    ("listens no more", "not_sent", 0, NEVER_SECONDS),
    ("hangs up before it reads", "unknown", 0, NEVER_SECONDS),
    ("hangs up without an answer", "unknown", 1, NEVER_SECONDS),
    ("breaks off in its answer", "unknown", 1, NEVER_SECONDS),
    ("answers garbage", "unknown", 1, NEVER_SECONDS),
    ("never answers", "unknown", 1, SOON_SECONDS),
    ("reads nothing", "unknown", 0, SOON_SECONDS),
]


@pytest.fixture(params=LEGS)
def leg(request: pytest.FixtureRequest) -> Leg:
    return leg_of(request.param, request)


@pytest.mark.parametrize(("situation", "kind", "carried_out", "seconds"), TABLE)
def test_outcomes(leg: Leg, situation: str, kind: str, carried_out: int, seconds: float) -> None:
    with leg.brought_about(situation) as url:
        outcome = leg.ask(url, seconds=seconds)
        assert outcome["kind"] == kind, outcome
        assert leg.carried_out() == carried_out
    if kind == "unknown":
        assert outcome["detail"].endswith("It may have been carried out or not.")
    elif kind == "refused":
        assert outcome["fault"]
        assert outcome["fault"] in outcome["detail"]
