"""Checks the connection to a Chat Server step by step, and names what was not checked.

Nothing is sent into any chat: the steps end where a real request would begin.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from console.esp.errors import EspError, NotConnected
from console.esp.transports import Channel, Probing, Secured, check_address
from console.interactions.models import ChatServer
from console.sends.engine.gateway import Gateway, Unreachable
from console.sends.engine.java import java_problems

DEFAULT_PORTS = {"ors+http": 80, "ors+https": 443}


class Found(StrEnum):
    """The result of a step."""

    GOOD = "ok"
    BAD = "FAILED"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was checked."""

    name: str
    found: Found
    detail: str


async def chat_server_steps(server: ChatServer) -> AsyncIterator[Step]:
    """Yield the steps in order. After a failure, those that depend on it are left out."""
    held = f" It is held by {server.held_by}: {server.held_reason}" if server.held_at else ""
    switched = "" if server.enabled else " It is switched off: nothing is sent through it."
    yield Step("name", Found.GOOD, f"{server.name} is registered.{switched}{held}")
    step = await _address(server)
    yield step
    if step.found is Found.BAD:
        return
    if urlsplit(server.url).scheme.startswith("psdk"):
        step = await asyncio.to_thread(_java)
        yield step
        if step.found is Found.BAD:
            return
    gateway = Gateway()
    try:
        began = time.monotonic()
        try:
            channel = await gateway.channel(server)
        except Unreachable as error:
            yield Step("connection", Found.BAD, str(error))
            return
        yield Step("connection", Found.GOOD, f"Open after {time.monotonic() - began:.3f} seconds.")
        yield _security(channel)
        yield await _round_trip(channel)
    finally:
        await gateway.close()


async def _address(server: ChatServer) -> Step:
    try:
        check_address(server.url)
    except EspError as error:
        return Step("address", Found.BAD, str(error))
    parts = urlsplit(server.url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(server.connect_timeout_seconds):
            known = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return Step(
            "address",
            Found.BAD,
            f"The host name {parts.hostname} cannot be resolved. Correct it, or the name service.",
        )
    at = ", ".join(dict.fromkeys(str(place[4][0]) for place in known))
    return Step("address", Found.GOOD, f"{parts.hostname} is {at}, port {port}.")


def _java() -> Step:
    problems = java_problems()
    if problems:
        return Step("Java", Found.BAD, " ".join(problems))
    return Step("Java", Found.GOOD, "Java and the classes of the Platform SDK are there.")


def _security(channel: Channel) -> Step:
    if not isinstance(channel, Secured):
        return Step("TLS", Found.NOT_CHECKED, "This transport does not tell.")
    if channel.security:
        return Step("TLS", Found.GOOD, channel.security)
    return Step("TLS", Found.GOOD, "None, as the address says: whoever is on the way can read.")


async def _round_trip(channel: Channel) -> Step:
    if not isinstance(channel, Probing):
        return Step(
            "round trip",
            Found.NOT_CHECKED,
            "No request that changes nothing is documented for this transport.",
        )
    try:
        seconds = await channel.round_trip()
    except NotConnected as error:
        return Step("round trip", Found.BAD, str(error))
    return Step("round trip", Found.GOOD, f"{seconds * 1000:.1f} ms there and back.")
