"""What is played in the process that has the JVM: `python -m tests.esp.psdk.scenes`.

Lines of JSON in, lines of JSON out; the first one has settings.
"""

import asyncio
import dataclasses
import json
import random
import sys
import threading
import time
import traceback
from contextlib import suppress
from typing import Any

import msgspec

from console.esp import Client, EspRequest, KVList, NotConnected, build_message, build_notice, jvm
from console.esp.outcomes import Outcome, plain
from console.esp.psdk import tls
from console.esp.psdk.channel import PsdkChannel
from console.esp.psdk.sdk import load
from console.esp.transports import Probing, Secured, open_channel

SCENE_SECONDS = 50.0


def request_of(fields: dict[str, Any]) -> EspRequest:
    """From JSON: `user_data` as pairs, and what `build_message` or `build_notice` takes."""
    fields = {"app_name": "Chat_Server_1", **fields}
    pairs = fields.pop("user_data", [["InteractionId", "0001aB3"]])
    fields["user_data"] = KVList.of([(key, _value(value)) for key, value in pairs])
    return build_notice(**fields) if "notice_type" in fields else build_message(**fields)


def _value(value: Any) -> Any:
    """A list is a nested one, {"hex": …} are bytes."""
    if isinstance(value, list):
        return KVList.of([(key, _value(inner)) for key, inner in value])
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


async def channel(url: str, seconds: float = SCENE_SECONDS, connect: float = 20.0) -> PsdkChannel:
    opened = await open_channel(url, connect_timeout=connect, request_timeout=seconds)
    assert isinstance(opened, PsdkChannel)
    return opened


def shown(outcome: Outcome) -> dict[str, Any]:
    return msgspec.structs.asdict(outcome)


async def ask(
    url: str,
    requests: list[dict[str, Any]],
    seconds: float = SCENE_SECONDS,
    connect: float = 20.0,
    stores: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The outcomes of requests by a client, one after the other."""
    tls.use(tls.TlsSettings(**(stores or {})))
    async with Client(url, connect_timeout=connect, request_timeout=seconds) as client:
        with suppress(NotConnected):
            await client.connect()
        return [shown(await client.request(request_of(fields))) for fields in requests]


async def flood(url: str, number: int, in_flight: int) -> dict[str, Any]:
    """So many requests with so many in flight: how they ended, and how far they were."""
    opened = await channel(url)
    slots = asyncio.Semaphore(in_flight)
    waiting: set[asyncio.Future[Outcome]] = set()
    most = 0
    wrong: list[int] = []

    async def one(place: int) -> str:
        nonlocal most
        async with slots:
            fields = {"text": f"Nº {place}", "user_data": [["InteractionId", f"i{place}"]]}
            future = opened.submit(request_of(fields))
            waiting.add(future)
            future.add_done_callback(waiting.discard)
            most = max(most, len(waiting))
            outcome = await future
        if outcome.answer != plain(KVList.of({"Echo": f"i{place}"})):
            wrong.append(place)
        return str(outcome.kind)

    kinds = await asyncio.gather(*map(one, range(number)))
    await opened.close()
    return {"kinds": sorted(set(kinds)), "most": most, "wrong": wrong, "left": len(waiting)}


async def at_once(url: str, number: int, seconds: float) -> list[dict[str, Any]]:
    """Requests of one turn of the loop, and their outcomes in the order of the requests."""
    opened = await channel(url, seconds)
    futures = [opened.submit(request_of({"text": f"{n}"})) for n in range(number)]
    outcomes = [shown(await future) for future in futures]
    await opened.close()
    return outcomes


async def stays_open(url: str) -> list[Any]:
    """Whether a channel knows that it is open, before and after its peer has gone."""
    opened = await channel(url)
    before = [opened.is_open, opened.security]
    first = await opened.submit(request_of({"text": "the peer goes at this"}))
    async with asyncio.timeout(SCENE_SECONDS):
        while opened.is_open:
            await asyncio.sleep(0.01)
    second = await opened.submit(request_of({"text": "too late"}))
    await opened.close()
    return [*before, opened.is_open, str(first.kind), str(second.kind), second.detail]


async def goes_while_idle(url: str) -> list[Any]:
    """The peer goes while nothing is in flight: asked or not, nothing more is sent."""
    opened = await channel(url)
    async with asyncio.timeout(SCENE_SECONDS):
        while not opened._opened.is_closed():
            await asyncio.sleep(0.01)
    outcome = await opened.submit(request_of({"text": "into the void"}))
    is_open = opened.is_open
    other = await channel(url)
    async with asyncio.timeout(SCENE_SECONDS):
        while other.is_open:
            await asyncio.sleep(0.01)
    after = await other.submit(request_of({"text": "into the void"}))
    await asyncio.gather(opened.close(), opened.close(), other.close())
    return [str(outcome.kind), outcome.detail, is_open, str(after.kind), after.detail]


async def graceful_close(url: str) -> dict[str, Any]:
    """What was submitted before a close still gets its answer, even what no thread has begun."""
    opened = await channel(url)
    futures = [opened.submit(request_of({"text": f"{n}"})) for n in range(20)]
    futures.pop().cancel()  # who waited for it has gone
    await opened.close()
    refused = await opened.submit(request_of({"text": "after"}))
    kinds = {str(future.result().kind) for future in futures}
    return {"kinds": sorted(kinds), "after": str(refused.kind)}


async def ticks_while_java_waits(url: str) -> int:
    """How often the loop had its turn while a request waited in Java."""
    opened = await channel(url, 2.0)
    future = opened.submit(request_of({"text": "no answer comes"}))
    ticks = 0
    while not future.done():
        await asyncio.sleep(0.005)
        ticks += 1
    await opened.close()
    return ticks


async def too_large(url: str) -> list[dict[str, Any]]:
    opened = await channel(url)
    deep = KVList.of({"InteractionId": "x"})
    for _ in range(20):
        deep = KVList.of([("deeper", deep)])
    request = build_message(app_name="Chat_Server_1", text="Hello", user_data=deep)
    outcome = await opened.submit(request)
    await opened.close()
    return [shown(outcome)]


async def few_threads(url: str, most: int, seconds: float) -> list[str]:
    """More requests than threads: who has none in time was not sent."""
    from console.esp.psdk import channel as module

    usual, module.THREADS_MOST = module.THREADS_MOST, most
    try:
        return [str(outcome["kind"]) for outcome in await at_once(url, most + 2, seconds)]
    finally:
        module.THREADS_MOST = usual


async def gone_meanwhile(url: str) -> list[str]:
    """One thread, which is in Java for a while; the other request waits for it."""
    from console.esp.psdk import channel as module

    usual, module.THREADS_MOST = module.THREADS_MOST, 1
    try:
        opened = await channel(url)
        futures = [opened.submit(request_of({"text": "gone"})) for _ in range(2)]
        async with asyncio.timeout(SCENE_SECONDS):
            while opened.is_open:
                await asyncio.sleep(0.01)
        kinds = [str((await future).kind) for future in futures]
        await opened.close()
        return kinds
    finally:
        module.THREADS_MOST = usual


async def no_threads(url: str) -> list[str]:
    """A machine that has no thread left."""

    opened = await channel(url, 0.1)
    usual, threading.Thread.start = threading.Thread.start, _no_more
    try:
        future = opened.submit(request_of({"text": "no thread"}))
    finally:
        threading.Thread.start = usual
    outcome = await future
    await opened.close()
    return [str(outcome.kind), outcome.detail]


def _no_more(self: Any) -> None:
    raise RuntimeError("can't start new thread")


async def broken_sdk(url: str, method: str) -> list[Any]:
    """Something in the console itself fails around a request."""
    opened = await channel(url)
    if method == "to_java":
        opened._sdk = dataclasses.replace(opened._sdk, collection=_defect)
    else:
        opened._sdk = None  # type: ignore[assignment]
    outcome = await opened.submit(request_of({"text": "Hello"}))
    await opened.close()
    return [str(outcome.kind), outcome.detail]


def _defect() -> None:
    raise ValueError("a defect")


async def opening_is_given_up(url: str, seconds: float) -> list[Any]:
    """Nobody waits for it any more, by a timeout or because the waiter was cancelled."""
    began = time.monotonic()
    try:
        await channel(url, connect=seconds)
    except NotConnected as error:
        said = str(error)
    waiting = asyncio.ensure_future(channel(url, connect=30))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    took = time.monotonic() - began
    await asyncio.sleep(1.0)  # the late ones are closed again
    return [said, took]


async def closes_slowly(url: str) -> float:
    opened = await channel(url)
    began = time.monotonic()
    await opened.close()
    return time.monotonic() - began


async def options(url: str) -> list[list[Any]]:
    """What the SDK was told of the connection."""
    opened = await channel(url)
    endpoint = opened._opened.protocol.getEndpoint()
    told = [[str(endpoint.name), str(endpoint.host), int(endpoint.port)]]
    if endpoint.configuration is not None:
        pairs = endpoint.configuration.options
        told += [[str(p.getStringKey()), str(p.wireType), str(p.getValue())] for p in pairs]
    await opened.close()
    return told


async def security(url: str, stores: dict[str, str]) -> list[Any]:
    """What a channel says of itself, and whether it can be tried without a request."""
    tls.use(tls.TlsSettings(**stores))
    opened = await channel(url)
    found = [opened.security, isinstance(opened, Secured), isinstance(opened, Probing)]
    await opened.close()
    return found


async def late_silence(url: str) -> list[Any]:
    """The first request is answered, one that comes later is not: each has its own time."""
    opened = await channel(url, 2.0)
    first = await opened.submit(request_of({"text": "answered"}))
    await asyncio.sleep(1.0)
    began = time.monotonic()
    second = await opened.submit(request_of({"text": "not answered"}))
    took = time.monotonic() - began
    await opened.close()
    return [str(first.kind), str(second.kind), took]


async def what_tls_does_not_ask_of_clients() -> list[Any]:
    """The interface has it, so it must be right."""
    jvm.start()
    tls.use(tls.TlsSettings())
    manager = tls._checking()(tls._trust_manager(), "chat1.example.com")
    try:
        manager.checkClientTrusted([], "RSA")
    except Exception as error:
        return [len(manager.getAcceptedIssuers()) > 0, type(error).__name__.rpartition(".")[2]]
    raise AssertionError


# Of Java's own, which come and go; a channel that left one behind would leave three here.
COMES_AND_GOES = 2


async def threads_known_to_java(url: str) -> list[int]:
    """Before three channels were opened, used and closed, and after."""
    jvm.start()
    java_thread = jvm.java_class("java.lang.Thread")
    await closes_slowly(url)
    before = int(java_thread.activeCount())
    for _ in range(3):
        opened = await channel(url)
        await asyncio.gather(*(opened.submit(request_of({"text": "x"})) for _ in range(10)))
        await opened.close()
    async with asyncio.timeout(SCENE_SECONDS):
        while int(java_thread.activeCount()) > before + COMES_AND_GOES:
            await asyncio.sleep(0.01)
    return [before, int(java_thread.activeCount())]


async def late(
    url: str, seconds: float, listen: list[float], grace: float = 60.0, still: float = 0.0
) -> dict[str, Any]:
    """What was told of a request whose answer comes late, and how long closing took. The event loop
    stands `still` for so many seconds when Java has the request."""
    opened = await open_channel(
        url,
        connect_timeout=20.0,
        request_timeout=seconds,
        options={"psdk": {"late_grace": grace}},
    )
    assert isinstance(opened, PsdkChannel)
    told: list[list[Any]] = []
    opened.send(
        request_of({"text": "Hello"}),
        lambda outcome: told.append(["settled", shown(outcome)]),
        late=lambda outcome: told.append(["late", shown(outcome)]),
    )
    if still:
        while not all(call.has_begun for call in opened._calls.values()):
            await asyncio.sleep(0.001)
        time.sleep(still)
    while not told:
        await asyncio.sleep(0.01)
    refused = await opened.submit(request_of({"text": "after it"}))
    began = time.monotonic()
    closing = []
    for each in listen:
        closing.append(asyncio.ensure_future(opened.close(listen=each)))
        await asyncio.sleep(0)
    await asyncio.gather(*closing)
    took = time.monotonic() - began
    await asyncio.sleep(0.3)  # what threads in Java still bring
    counted = [opened.late_answers, opened.stray_answers]
    return {"told": told, "refused": refused.detail, "took": took, "counted": counted}


async def standstill(url: str) -> dict[str, Any]:
    """The event loop stands still until the request's time is over; its answer comes meanwhile."""
    opened = await channel(url, 1.5)
    asked = opened.submit(request_of({"text": "Hello"}))
    await asyncio.sleep(0.2)
    time.sleep(2.0)
    outcome = shown(await asked)
    await asyncio.sleep(0.2)  # its timer comes after it
    await opened.close()
    return outcome


async def slow_to_build(url: str) -> list[Any]:
    """Its time is over when Java could be told to send it."""
    opened = await channel(url, 0.2)
    usual = opened._sdk.collection

    def slowly() -> Any:
        time.sleep(0.3)
        return usual()

    opened._sdk = dataclasses.replace(opened._sdk, collection=slowly)
    outcome = await opened.submit(request_of({"text": "too slow"}))
    await opened.close()
    return [str(outcome.kind), outcome.detail]


async def since(url: str, seconds: float) -> list[str]:
    """The second request has spent most of its time before, the third one all of it."""
    opened = await channel(url, seconds)
    loop = asyncio.get_running_loop()
    spent = (0.0, seconds - 1.0, seconds)
    futures = [
        opened.submit(request_of({"text": f"{each}"}), since=loop.time() - each) for each in spent
    ]
    await asyncio.wait(futures[1:])
    kinds = [str(future.result().kind) for future in futures[1:]]
    return [*kinds, "waits" if not futures[0].done() else "done"]


async def missing_class() -> str:
    try:
        jvm.java_class("com.genesyslab.platform.NotThere")
    except jvm.JavaUnavailable as error:
        return str(error)
    raise AssertionError


async def nobody_waits() -> list[Any]:
    """Results that come when nobody is there for them."""
    loop = asyncio.new_event_loop()
    loop.close()
    jvm.post(loop, print, "never")
    waiting = asyncio.ensure_future(jvm.in_thread(lambda: time.sleep(0.05), "nobody"))
    failing = asyncio.ensure_future(jvm.in_thread(_fails_late, "nobody"))
    await asyncio.sleep(0)
    waiting.cancel()
    failing.cancel()
    await asyncio.sleep(0.3)
    return [waiting.cancelled(), failing.cancelled()]


def _fails_late() -> None:
    time.sleep(0.05)
    raise ValueError


async def random_lists(seed: int, number: int) -> int:
    """KV lists of any shape come back from Java as they went in; how many pairs there were."""
    jvm.start()
    sdk, rng, total = load(), random.Random(seed), 0
    for _ in range(number):
        made = _any_list(rng, 0)
        total += len(made)
        assert sdk.from_java(sdk.to_java(made)) == made, made
    return total


def _any_list(rng: random.Random, depth: int) -> KVList:
    return KVList.of(
        [(rng.choice(["a", "b", "Ключ"[:0] + "c"]), _any_value(rng, depth)) for _ in range(5)]
    )


def _any_value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(5 if depth < 4 else 4)
    if kind == 0:
        return "".join(rng.choice('azAZ09 \t\0"\\é€жщ漢👋𝄞') for _ in range(rng.randrange(6)))
    if kind == 1:
        return rng.randint(-(2**31), 2**31 - 1)
    if kind == 2:
        return rng.randbytes(rng.randrange(9))
    return "" if kind == 3 else _any_list(rng, depth + 1)


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    jvm.allow(
        jvm.JvmSettings(
            tuple(settings["classpath"]),
            settings.get("java_home", ""),
            tuple(settings["options"]),
        )
    )
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            played = globals()[asked["scene"]](**asked["arguments"])
            result = asyncio.run(asyncio.wait_for(played, SCENE_SECONDS))
            answer = {"result": result}
        except BaseException:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
