"""The simulators' control port: one JSON object a line there, one back. Standard library only."""

import json
import socket
from typing import Any

TIMEOUT_SECONDS = 3.0


class SimulatorSilent(Exception):
    """The simulator does not answer, or not with what it should."""


class SimulatorRefused(Exception):
    """The simulator answered that it can't do that; the text says why."""


def ask(port: int, do: str, **arguments: Any) -> dict[str, Any]:
    """Have the simulator with that control port do something; answers what it tells.

    Raises SimulatorSilent or SimulatorRefused.
    """
    question = json.dumps({"do": do, **arguments}).encode() + b"\n"
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(question)
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline())
    except (OSError, ValueError) as error:
        raise SimulatorSilent(f"The simulator on port {port} does not answer: {error}") from error
    if not answer.get("ok"):
        raise SimulatorRefused(str(answer.get("error")))
    return dict(answer)
