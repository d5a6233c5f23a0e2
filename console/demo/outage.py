"""The demo's outage: one Chat Server answers slowly, and a queue fills.

It is on as long as that simulator is slow: there both the pages and the traffic see it. Standard
library only, since the traffic needs no Django.
"""

from collections.abc import Mapping

from console.demo.control import ask

# Of this queue every minute brings many chats.
QUEUE = "sales"
LATENCY_SECONDS = 0.4


def slow_one(ports: Mapping[str, int]) -> str:
    """Return the Chat Server that slows down: the last by name."""
    return max(ports)


def is_on(ports: Mapping[str, int]) -> bool:
    """Return whether the outage is on. Raises SimulatorSilent."""
    faults = ask(ports[slow_one(ports)], "faults")["faults"]
    return float(faults["latency"]) > 0


def switch(ports: Mapping[str, int], *, on: bool) -> None:
    """Begin or end the outage. Raises SimulatorSilent."""
    latency = LATENCY_SECONDS if on else 0.0
    ask(ports[slow_one(ports)], "faults", set={"latency": latency})
