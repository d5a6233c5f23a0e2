"""Client of the simulators' control port: a line of JSON each way. Standard library only."""

import json
import socket
from typing import Any

TIMEOUT_SECONDS = 3.0


class SimulatorSilent(Exception):
    """The simulator does not respond, or its response is not valid."""


class SimulatorRefused(Exception):
    """The simulator can't do that; the text states why."""


def ask(port: int, do: str, **arguments: Any) -> dict[str, Any]:
    """Send a command to the simulator with that control port, and return its response.

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
