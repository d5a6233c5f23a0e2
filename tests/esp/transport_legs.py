"""One stand-in for each transport, which a test can have behave in so many ways.

A leg says how a situation is brought about at its stand-in and how one asks through its transport.
A new transport is a class more in LEGS.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Protocol

import pytest

from console.esp import Client, NotConnected, Outcome
from tests.esp.psdk.scenes import request_of
from tests.esp.support import SimulatorProcess, run
from tests.support.java_stand_ins import JAVAC, NO_JDK, JavaProcess
from tests.support.network import free_port
from tests.support.orchestration import running_orchestration

# Within SOON a request leaves on a busy machine, too.
NEVER_SECONDS, SOON_SECONDS = 30.0, 1.5
_numbers = count(1)


def a_message(**user_data: str) -> dict[str, Any]:
    return {"text": "Grüße 👋", "user_data": [[key, value] for key, value in user_data.items()]}


class Leg(Protocol):
    """One transport with its stand-in."""

    def brought_about(self, situation: str) -> Any:
        """A context in which it is so; answers the address."""

    def ask(self, url: str, *, seconds: float) -> dict[str, Any]:
        """Kind, detail and fault text of one request's outcome."""

    def carried_out(self) -> int:
        """How many requests were carried out since the last situation began."""


def asked_here(url: str, fields: dict[str, Any], seconds: float) -> dict[str, Any]:
    """By a client in this process."""

    async def ask() -> Outcome:
        async with Client(url, request_timeout=seconds) as client:
            with suppress(NotConnected):
                await client.connect()
            return await client.request(request_of(fields))

    outcome = run(ask(), within=NEVER_SECONDS)
    return {"kind": str(outcome.kind), "detail": outcome.detail, "fault": outcome.fault_text}


class EspJsonLeg:
    """The simulator, by the open framing."""

    FAULTS: dict[str, dict[str, Any]] = {
        "takes it": {},
        "refuses it": {"refuse_every": 1},
        "hangs up before it reads": {"drop_before_every": 1},
        "hangs up without an answer": {"drop_every": 1},
        "breaks off in its answer": {"cut_every": 1},
        "answers garbage": {"garbage_every": 1},
        "never answers": {"silent_every": 1},
        "reads nothing": {"half_open": True},
        "listens no more": {"not_listening": True},
    }
    scheme = "esp+json"

    def __init__(self, simulator: SimulatorProcess) -> None:
        self._simulator = simulator
        self.message: dict[str, Any] = {}
        self._chat = ""

    @contextmanager
    def brought_about(self, situation: str) -> Iterator[str]:
        # A chat of its own: what an earlier one left unread may still come into the journal.
        self._chat = f"{self.scheme}-{next(_numbers)}"
        self.message = a_message(InteractionId=self._chat)
        port = self._simulator.port
        if situation == "is not there":
            port = free_port()
        else:
            self._simulator.set_faults(**self.FAULTS[situation])
        yield f"{self.scheme}://127.0.0.1:{port}"

    def ask(self, url: str, *, seconds: float) -> dict[str, Any]:
        return asked_here(url, self.message, seconds)

    def carried_out(self) -> int:
        lines = self._simulator.journalled()
        mine = [line for line in lines if line["interaction_id"] == self._chat]
        return sum(line["answer"] != "fault" for line in mine)


class PsdkLeg(EspJsonLeg):
    """The same simulator, by stand-ins of the SDK's classes in a process with Java."""

    scheme = "psdk"

    def __init__(self, simulator: SimulatorProcess, java: JavaProcess) -> None:
        super().__init__(simulator)
        self._java = java

    def ask(self, url: str, *, seconds: float) -> dict[str, Any]:
        (outcome,) = self._java.play("ask", url=url, requests=[self.message], seconds=seconds)
        fault = outcome["fault_text"]
        return {"kind": outcome["kind"], "detail": outcome["detail"], "fault": fault}


class OrsLeg:
    """A stand-in of Orchestration Server, whose workflow sends."""

    FAULTS: dict[str, dict[str, Any]] = {
        "takes it": {},
        "refuses it": {},
        "hangs up before it reads": {"cut_before": True},
        "hangs up without an answer": {"cut_after": True},
        "breaks off in its answer": {"half": True},
        "answers garbage": {"garbage": True},
        "never answers": {"silent_seconds": NEVER_SECONDS},
        # Opening a channel asks something first, which is answered.
        "reads nothing": {"reads_nothing": True},
    }

    def __init__(self) -> None:
        self._asked: Callable[[], int] = lambda: 0
        self._session = ""

    @contextmanager
    def brought_about(self, situation: str) -> Iterator[str]:
        if situation in ("is not there", "listens no more"):
            yield self._nobody_at(situation)
            return
        with running_orchestration() as ors:
            refused = {"outcome": "refused", "fault_text": "not today"}
            session = (
                ors.start({}, lambda asked: refused) if situation == "refuses it" else ors.start({})
            )
            self._session = session.id
            self._asked = lambda: 0 if situation == "refuses it" else len(ors.asked)
            for name, value in self.FAULTS[situation].items():
                setattr(ors.faults, name, value)
            yield ors.url

    def _nobody_at(self, situation: str) -> str:
        """An address where nobody listens: never, or not any more."""
        self._session, self._asked = "00SESSION", lambda: 0
        if situation == "is not there":
            return f"ors+http://127.0.0.1:{free_port()}"
        with running_orchestration() as ors:
            return ors.url

    def ask(self, url: str, *, seconds: float) -> dict[str, Any]:
        message = a_message(InteractionId="0001aB3", OrsSessionId=self._session)
        return asked_here(url, message, seconds)

    def carried_out(self) -> int:
        return self._asked()


def leg_of(name: str, request: pytest.FixtureRequest) -> Leg:
    """The leg of a transport, or a skip that says why there is none here."""
    if name == "psdk" and JAVAC is None:
        pytest.skip(NO_JDK)
    if name == "psdk":
        return PsdkLeg(request.getfixturevalue("simulator"), request.getfixturevalue("java"))
    if name == "ors":
        return OrsLeg()
    return EspJsonLeg(request.getfixturevalue("simulator"))


LEGS = ("esp+json", "psdk", "ors")
