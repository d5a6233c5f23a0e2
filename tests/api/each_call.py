"""Each call of the API once, in an order in which all of them can be made in one world."""

from collections.abc import Iterator
from typing import Any

from tests.api.test_access import TABLE

# First what reads, last what takes away.
ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What a client with every scope is answered, where an earlier call or its being one client makes it
# another answer than the table's.
OTHERWISE = {
    # Decided by an earlier call.
    "POST notice-restore": 200,
    "POST version-reject": 409,
    "POST chat-server-release": 200,
    "POST send-pause": 409,
    "POST send-retry-failed": 409,
    "POST send-retry-unknown": 409,
    "DELETE sending-stop": 204,
    "DELETE interaction-test": 204,
    "PATCH playbook": 200,
    "POST playbook-reject": 409,
    # Its incident was closed by an earlier call.
    "POST incident-stage-preview": 409,
    "POST incident-stage-start": 409,
    # Its outcome is known, or still to come.
    "POST delivery-evidence": 409,
    # It is the send of another, or its own.
    "POST send-approve": 403,
    "POST send-reject": 403,
    "POST send-reschedule": 403,
    # Only people confirm.
    "POST incident-confirm": 403,
}


def each_call() -> Iterator[tuple[str, str, Any]]:
    """Method, route and body, None for no body."""
    for method, name in sorted(TABLE, key=lambda call: ORDER.index(call[0])):
        yield method, name, TABLE[method, name][1]


def outcomes_of_each_call() -> dict[str, int]:
    """The status of each, by method and route."""
    return {f"{m} {name}": TABLE[m, name][2] for m, name in TABLE} | OTHERWISE
