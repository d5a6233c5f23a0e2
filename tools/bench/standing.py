"""A stage that stands while new chats come: from the feed's event to Chat Server's journal, beside
a single send.

The web server and a worker are processes of their own. Chats come by the feed's API, each by a call
of its own, at their moments whatever the console does: a call that has to wait counts from the
moment at which it was due.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from console.accounts.services import api_client_create
from console.actors import system_actor
from console.incidents.incident_file import incident_lines
from console.incidents.models import Incident, StageTarget
from console.incidents.services.incidents import incident_close, incident_start
from tests.support.factories import make_playbook
from tests.support.simulators import Simulator, running_simulator
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, percentile_95, row
from tools.bench.served import PAUSE_SECONDS, SINGLES, Visitor, one_send, person, program, served
from tools.bench.world import NOTICE, USER_DATA, World, register_chat_server

A_SECOND = 20
SERVERS = ("standing-east", "standing-west")
POSTERS = 4
# How long the last chats may take before they count as missing.
PATIENCE_SECONDS = 30.0
AUDIENCE = {
    "any": [
        {"queue": "payments", "data": {"Plan": "gold"}},
        {"queue": "payments", "language": {"begins_with": "es"}},
    ]
}


@dataclass(frozen=True)
class Kind:
    """One of the kinds of chats that come by turns. `changes` are what its second event brings.
    `gets` says whether it gets the text; otherwise `reason` is what its delivery says, or "" for a
    chat that does not match."""

    name: str
    times: int
    brings: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] | None = None
    gets: bool = True
    reason: str = ""


KINDS = (
    Kind("match by their plan", 7),
    Kind("match by their language", 3, {"locale": "es-MX", "Plan": "silver"}),
    Kind("come with the same event twice", 1, changes={}),
    Kind("match a second later", 1, {"queue": "sales"}, changes={"queue": "payments"}),
    Kind("are of another queue", 3, {"queue": "sales"}, gets=False),
    Kind("are of another plan", 2, {"Plan": "silver"}, gets=False),
    Kind("have no plan", 1, {"Plan": None}, gets=False),
    Kind("are offline", 1, {"IsOnline": "0"}, gets=False, reason="offline"),
    Kind(
        "are at a Chat Server that nobody knows",
        1,
        {"server": "nowhere"},
        gets=False,
        reason="unknown_chat_server",
    ),
)
BY_TURNS = [kind for kind in KINDS for _ in range(kind.times)]
SECOND_EVENT_SECONDS = 1.0


@dataclass
class Comer:
    """A chat that comes. `matched_at` is when the event by which it matches was due."""

    id: str
    kind: Kind
    server: str
    due: float

    @property
    def matched_at(self) -> float:
        is_late = bool(self.kind.changes)
        return self.due + SECOND_EVENT_SECONDS if is_late else self.due

    @property
    def matches(self) -> bool:
        return self.kind.gets or bool(self.kind.reason)

    def events(self) -> Iterator[tuple[float, dict[str, Any]]]:
        """When each of its events is due, and the event."""
        yield self.due, self._event(self.kind.brings, self.due)
        if self.kind.changes is not None:
            at = self.due + SECOND_EVENT_SECONDS
            said_at = at if self.kind.changes else self.due
            yield at, self._event({**self.kind.brings, **self.kind.changes}, said_at)

    def _event(self, brings: dict[str, Any], at: float) -> dict[str, Any]:
        data = {
            **USER_DATA,
            "InteractionId": self.id,
            "ChatServerAppName": brings.get("server", self.server),
            "IsOnline": brings.get("IsOnline", "1"),
            "Plan": brings.get("Plan", "gold"),
        }
        said_at = datetime.fromtimestamp(at, UTC).isoformat()
        return {
            "type": "upsert",
            "occurred_at": said_at,
            "interaction": {
                "id": self.id,
                "media_type": "chat",
                "state": "queued",
                "queue": brings.get("queue", "payments"),
                "locale": brings.get("locale", "en"),
                "received_at": datetime.fromtimestamp(self.due, UTC).isoformat(),
                "user_data": {key: value for key, value in data.items() if value is not None},
            },
        }


def standing(world: World) -> list[Row]:
    """p95 from the feed's event to the journal : of single sends in the same run."""
    with ExitStack() as stack:
        simulators = [stack.enter_context(_chat_server(world, name)) for name in SERVERS]
        address = stack.enter_context(served(world))
        api, feeds = program(address), [_feed(address, number) for number in range(POSTERS)]
        singles = _singles(world, api)
        say(f"standing: p95 of {len(singles)} single sends {1e3 * percentile_95(singles):.0f} ms")
        with _incident(address) as incident:
            comers = _come(feeds, world.standing_seconds)
            _await_targets(incident, sum(comer.matches for comer in comers))
            # What was taken last is still on its way.
            waits = _waits(simulators, comers)
            note = _note(incident, comers, waits)
    pair = Pair(1e3 * percentile_95(waits), 1e3 * percentile_95(singles))
    return [
        row(
            "standing",
            f"p95 of a standing stage, {A_SECOND} new chats a second for "
            f"{world.standing_seconds} s, from event to journal : of a single send",
            [pair],
            unit="ms",
            goal=Goal(most=3000, of="first"),
            note=note,
            milliseconds=[1e3 * wait for wait in waits],
        )
    ]


def _chat_server(world: World, name: str) -> Any:
    @contextmanager
    def running() -> Iterator[Simulator]:
        with running_simulator(name, world.folder / f"{name}.jsonl") as simulator:
            register_chat_server(name, simulator.url)
            yield simulator

    return running()


def _feed(address: str, number: int) -> Visitor:
    """A site's feed, with a connection that stays open."""
    name = f"standing feed {number} at {time.time()}"
    _client, token = api_client_create(system_actor("bench"), name=name, scopes=["feed"])
    return Visitor(address, {"Authorization": f"Bearer {token}", "Accept": "application/json"})


def _singles(world: World, api: Visitor) -> list[float]:
    """Seconds of single sends on an idle system, from the request to the journal."""
    (chat,) = world.chats(1)
    for _ in range(3):  # warms up
        one_send(world, api, chat)
    found = []
    for _ in range(SINGLES * world.rounds):
        time.sleep(PAUSE_SECONDS)
        _after_answer, whole = one_send(world, api, chat)
        found.append(whole)
    return found


@contextmanager
def _incident(address: str) -> Iterator[Incident]:
    """An incident whose first stage stands."""
    _browser, user = person(address)
    stage = {"name": "Known", "notice": NOTICE, "is_standing": True}
    playbook = make_playbook(f"standing-{time.time_ns()}", AUDIENCE, stage)
    incident = incident_start(user.to_actor(), playbook, why="Payments fail.")
    try:
        yield incident
    finally:
        incident_close(user.to_actor(), incident, word="It was a measure.")


# --- The chats that come -------------------------------------------------------------------------


def _come(feeds: Sequence[Visitor], seconds: int) -> list[Comer]:
    """Let the chats come, each event at its moment."""
    begin = time.time() + 1
    comers = [
        Comer(
            f"standing{int(begin)}n{number:06}",
            BY_TURNS[number % len(BY_TURNS)],
            SERVERS[number // len(BY_TURNS) % len(SERVERS)],
            begin + number / A_SECOND,
        )
        for number in range(seconds * A_SECOND)
    ]
    events = sorted(
        (event for comer in comers for event in comer.events()), key=lambda event: event[0]
    )
    say(f"standing: {len(comers):,} chats and {len(events):,} events come in {seconds} s")
    line, lock = iter(events), threading.Lock()

    def post(feed: Visitor) -> None:
        while True:
            with lock:
                due, event = next(line, (0.0, None))
            if event is None:
                return
            time.sleep(max(0.0, due - time.time()))
            feed.ask("/api/v1/interactions/events/", {"events": [event]})

    with ThreadPoolExecutor(len(feeds)) as posters:
        for done in [posters.submit(post, feed) for feed in feeds]:
            done.result()
    return comers


def _await_targets(incident: Incident, number: int) -> None:
    """Until the stage has taken all that match, or its time is over."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if _targets(incident).exclude(delivery__status__in=("pending", "sending")).count() >= (
            number
        ):
            return
        time.sleep(0.2)


def _targets(incident: Incident) -> Any:
    return StageTarget.objects.filter(stage__incident=incident)


# --- What is in the journals ---------------------------------------------------------------------


def _waits(simulators: Iterable[Simulator], comers: Sequence[Comer]) -> list[float]:
    """Seconds to the journal of each chat that gets the text. Raises RuntimeError if a chat that
    gets it is in no journal or twice in them, or one that does not is in them."""
    at: dict[str, list[float]] = {}
    for simulator in simulators:
        for line in simulator.journalled():
            at.setdefault(line["interaction_id"], []).append(line["at"])
    lacking = [comer.id for comer in comers if comer.kind.gets and comer.id not in at]
    doubled = [chat for chat, times in at.items() if len(times) > 1]
    wrong = [comer.id for comer in comers if not comer.kind.gets and comer.id in at]
    if lacking or doubled or wrong:
        raise RuntimeError(
            f"{len(lacking)} are missing ({lacking[:3]}), {len(doubled)} doubled ({doubled[:3]}), "
            f"{len(wrong)} should not have it ({wrong[:3]})"
        )
    return [at[comer.id][0] - comer.matched_at for comer in comers if comer.kind.gets]


def _note(incident: Incident, comers: Sequence[Comer], waits: Sequence[float]) -> str:
    """What came of all chats. Raises RuntimeError if the incident's file says otherwise."""
    said = {
        line["interaction"]: line.get("reason", "")
        for line in incident_lines(system_actor("bench"), incident)
        if line["kind"] == "chat"
    }
    expected = {comer.id: comer.kind.reason for comer in comers if comer.matches}
    if said != expected:
        differs = sorted({*said.items()} ^ {*expected.items()})
        raise RuntimeError(f"the incident's file differs: {differs[:5]}")
    skipped = Counter(comer.kind.reason for comer in comers if comer.matches)
    del skipped[""]
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(skipped.items()))
    ordered = sorted(waits)
    return (
        f"p50 {1e3 * ordered[len(ordered) // 2]:.0f} ms, p95 {1e3 * percentile_95(waits):.0f} ms, "
        f"at most {1e3 * ordered[-1]:.0f} ms. {len(comers):,} chats came, "
        f"{len(expected):,} matched, {len(waits):,} were reached, 0 doubled, 0 missing without a "
        f"reason; skipped: {reasons}."
    )
