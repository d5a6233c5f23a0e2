"""One client's connection to the simulator."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, cast

from console.esp.errors import ProtocolError
from console.esp.messages import INT_MAX, KVList, Request3rdServer
from console.esp.protocol import ServerProtocol
from console.esp.simulator.faults import Treatment
from console.esp.simulator.journal import JournalLine
from console.esp.simulator.service import Refusal, interaction_id_of

if TYPE_CHECKING:
    from console.esp.simulator.server import Simulator

_log = logging.getLogger(__name__)

_TAKEN = KVList.of({"Service": "Chat"})  # the documentation does not say what a 501 contains
_ON_DEMAND = Refusal("refused_on_demand", "The simulator was told to refuse this request.")
_GARBAGE = b"HTTP/1.1 400 Bad Request\r\n\r\n"  # as a frame its length would be over the cap
_ANSWERED = (Treatment.NORMAL, Treatment.REFUSE, Treatment.DOUBLE, Treatment.LATE)
_LAST = (Treatment.DROP, Treatment.DROP_BEFORE, Treatment.CUT)  # the connection ends with these


class Connection(asyncio.Protocol):
    """Requests that arrive together are journalled together, and then answered together."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._protocol = ServerProtocol()
        self._number = 0
        self._write_paused = False
        self._is_over = False  # no more requests are accepted; pending answers are still sent

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._number = self._simulator.welcome(self)
        self.set_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._simulator.farewell(self)

    def data_received(self, data: bytes) -> None:
        at = time.time()
        lines: list[JournalLine] = []
        answers: list[bytes] = []
        try:
            for message in self._protocol.receive_data(data):
                self._take(message, at, lines, answers)
                if self._is_over:
                    break
        except ProtocolError:
            self._is_over = True
        try:
            self._simulator.journal.append(lines)
        except OSError as error:
            _log.error("Nothing is answered, as the journal cannot be written: %s", error)
            self.abort()
            return
        answers.append(self._protocol.data_to_send())
        self._answer_in_time(b"".join(answers))
        self.set_reading()

    def pause_writing(self) -> None:
        self._write_paused = True
        self.set_reading()

    def resume_writing(self) -> None:
        self._write_paused = False
        self.set_reading()

    # What the simulator calls

    def set_reading(self) -> None:
        """Read, unless a fault forbids it or the client does not read its answers."""
        if self._is_over or self._write_paused or self._simulator.faults.half_open:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def _take(
        self,
        message: Request3rdServer,
        at: float,
        lines: list[JournalLine],
        answers: list[bytes],
    ) -> None:
        treatment = self._simulator.plan.next_treatment()
        self._is_over = treatment in _LAST
        if treatment is Treatment.DROP_BEFORE:
            return
        refused = treatment is Treatment.REFUSE
        refusal = _ON_DEMAND if refused else self._simulator.service.carry_out(message, at)
        answer = "none"
        if treatment in _ANSWERED:
            answer = "fault" if refusal else "response"
        self._prepare(treatment, message.reference_id, refusal, answers)
        self._simulator.stats.count(answer)
        lines.append(
            JournalLine(
                self._simulator.journal.take_seq(),
                at,
                self._number,
                message.reference_id,
                interaction_id_of(message.user_data),
                message.request,
                message.user_data,
                answer,
                refusal,
            )
        )

    def _prepare(
        self,
        treatment: Treatment,
        reference_id: int,
        refusal: Refusal | None,
        answers: list[bytes],
    ) -> None:
        """Add what goes out for a request to `answers`, or send it later."""
        frame = self._frame(reference_id, refusal)
        if treatment is Treatment.LATE:
            faults = self._simulator.faults
            self._answer_later(frame, faults.latency + faults.late_seconds)
        elif treatment in _ANSWERED:
            answers += [frame] * (2 if treatment is Treatment.DOUBLE else 1)
        elif treatment is Treatment.STRAY:
            answers.append(self._frame(_another(reference_id), refusal))
        elif treatment is Treatment.GARBAGE:
            answers.append(_GARBAGE)
        elif treatment is Treatment.CUT:
            answers.append(frame[: len(frame) // 2])

    def _frame(self, reference_id: int, refusal: Refusal | None) -> bytes:
        if refusal is None:
            taken = _TAKEN
            if self._simulator.faults.numbered:
                taken = KVList.of({"Service": "Chat", "Number": reference_id})
            return self._protocol.send_response(reference_id, taken)
        fault = KVList.of({"FaultCode": refusal.code, "FaultString": refusal.text})
        return self._protocol.send_fault(reference_id, fault)

    def _answer_in_time(self, data: bytes) -> None:
        latency = self._simulator.faults.latency
        if latency:
            self._answer_later(data, latency)
        else:
            self._answer(data)

    def _answer_later(self, data: bytes, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._answer, data)

    def _answer(self, data: bytes) -> None:
        if self._transport.is_closing() or self._simulator.faults.half_open:
            return
        if data:
            self._transport.write(data)
        if self._is_over:
            self._transport.close()


def _another(reference_id: int) -> int:
    """Return the id of a request that nobody has made for long."""
    return (reference_id + INT_MAX // 2) % INT_MAX + 1
