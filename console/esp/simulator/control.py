"""The simulator's control port: one JSON object a line in, one a line out.

Commands are answered with `{"ok": true, …}` or `{"ok": false, "error": "…"}`.
"""

import asyncio
import time
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from console.esp.simulator.server import Simulator
from console.esp.simulator.sessions import Session
from console.listening import stop_listening

_LONGEST_LINE = 1024 * 1024


class ControlError(Exception):
    """A command that can't be carried out; the text says why."""


class _Command(Struct, tag_field="do", forbid_unknown_fields=True):
    """A command. `carry_out` returns the answer's content beside `ok`, or raises ControlError."""


class OpenSession(_Command, tag="open_session"):
    """Open a customer's chat; a closed one opens again."""

    interaction_id: str
    user_data: dict[str, Any] = {}

    async def carry_out(self, simulator: Simulator) -> dict[str, Any]:
        session = simulator.sessions.open(self.interaction_id, self.user_data)
        return {"session": _summary(session)}


class CloseSession(_Command, tag="close_session"):
    """End the chat."""

    interaction_id: str

    async def carry_out(self, simulator: Simulator) -> dict[str, Any]:
        session = _session(simulator, self.interaction_id)
        session.is_open = False
        return {"session": _summary(session)}


class Say(_Command, tag="say", rename={"sender": "from"}):
    """Add what the customer or the agent says to the chat."""

    interaction_id: str
    sender: str
    text: str
    role: Literal["customer", "agent"]

    async def carry_out(self, simulator: Simulator) -> dict[str, Any]:
        session = _session(simulator, self.interaction_id)
        if not session.is_open:
            raise ControlError(f"The session of {self.interaction_id!r} is closed.")
        session.add(
            at=time.time(), role=self.role, sender=self.sender, kind="message", text=self.text
        )
        return {"session": _summary(session)}


class ListSessions(_Command, tag="sessions"):
    """List every session that ever existed."""

    async def carry_out(self, simulator: Simulator) -> dict[str, Any]:
        return {"sessions": [_summary(session) for session in simulator.sessions]}


class Transcript(_Command, tag="transcript"):
    """Return what one kind of participant sees of a session."""

    interaction_id: str
    view: Literal["customer", "agent", "supervisor"]

    async def carry_out(self, simulator: Simulator) -> dict[str, Any]:
        session = _session(simulator, self.interaction_id)
        return {"session": _summary(session), "entries": session.view(self.view)}


class SetFaults(_Command, tag="faults"):
    """Change some faults, or none. The answer has them all."""

    changes: dict[str, Any] | None = field(name="set", default=None)

    async def carry_out(self, simulator: Simulator) -> dict[str, Any]:
        if self.changes is not None:
            await simulator.set_faults(self.changes)
        return {"faults": simulator.faults}


class AnswerTo(_Command, tag="answer_to"):
    """Answer to these application names from now on, and to no others."""

    names: list[str]

    async def carry_out(self, simulator: Simulator) -> dict[str, Any]:
        if not self.names:
            raise ControlError("Give at least one name.")
        simulator.service.app_names = list(self.names)
        return {"names": simulator.service.app_names}


class ShowStats(_Command, tag="stats"):
    """Return the counters."""

    async def carry_out(self, simulator: Simulator) -> dict[str, Any]:
        return {"stats": simulator.stats}


_Commands = (
    OpenSession | CloseSession | Say | ListSessions | Transcript | SetFaults | AnswerTo | ShowStats
)
_decoder = msgspec.json.Decoder(_Commands)
_encoder = msgspec.json.Encoder()


class Control:
    """Serves the control port of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, port: int) -> None:
        """Listen on loopback; 0 means any free port. Raises OSError if it is taken."""
        self._server = await asyncio.start_server(
            self._welcome, "127.0.0.1", port, limit=_LONGEST_LINE
        )

    async def stop(self) -> None:
        """Close the port and its connections."""
        await stop_listening(self._server)
        for writer in self._clients.values():
            writer.close()
        if self._clients:
            await asyncio.wait(self._clients)

    async def answer(self, line: bytes) -> bytes:
        """Return the answer to one line, with its line end."""
        try:
            told = await _decoder.decode(line).carry_out(self._simulator)
        except (ControlError, msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
            return _encoder.encode({"ok": False, "error": str(error)}) + b"\n"
        return _encoder.encode({"ok": True, **told}) + b"\n"

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._clients[task] = writer
        task.add_done_callback(self._clients.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(await self.answer(line))
                await writer.drain()
        except (ValueError, ConnectionError):
            pass  # a line without end, or the client is gone
        finally:
            writer.close()


def _session(simulator: Simulator, interaction_id: str) -> Session:
    session = simulator.sessions.get(interaction_id)
    if session is None:
        raise ControlError(f"No session for {interaction_id!r}.")
    return session


def _summary(session: Session) -> dict[str, Any]:
    return {
        "interaction_id": session.interaction_id,
        "is_open": session.is_open,
        "is_online": session.is_online,
        "user_data": session.user_data,
        "entries": session.entries_taken,
    }
