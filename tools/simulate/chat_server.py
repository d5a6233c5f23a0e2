"""A simulated Chat Server: reads requests, takes them or not, and answers in many ways."""

from collections import deque
from collections.abc import Callable
from random import Random

from console.esp.errors import EspError
from console.esp.messages import KVList, Request3rdServer
from console.esp.protocol import ServerProtocol
from tools.simulate.database import POISON
from tools.simulate.network import Link, Network

# What may happen to the next request, if it is armed (tools.simulate.faults).
FATES = (
    "cut before taken",
    "cut after taken",
    "no answer",
    "late answer",
    "very late answer",
    "doubled answer",
    "stray answer",
    "refused",
    "refused without words",
    "refused with odd words",
    "garbage",
    "half an answer",
    "taken, then all cut",
)
# Of these, no request remains without an answer.
HARMLESS = ("doubled answer", "stray answer", "refused", "refused without words")
# What ends a connection at once, and what looks like the beginning of a long frame.
GARBAGE = (b"\xff\xff\xff\xffno frame", b"\x00\x01garbage, no frame", b"\x00\x00\x00\x02{]")
# How it is as a whole. What it does with requests, by its mode.
MODES = ("well", "down", "unreachable", "silent", "slow", "does not read", "refusing", "garbage")


class Peer:
    """The Chat Server's end of a connection."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.protocol = ServerProtocol()
        self.is_gone = False
        self.answered: list[int] = []


class SimulatedChatServer:
    """One Chat Server application. `on_taken` is told of each request that it takes, `on_answer` of
    how it answers."""

    def __init__(
        self, name: str, random: Random, network: "Network", note: Callable[[str], None]
    ) -> None:
        self.name = name
        self.random = random
        self.network = network
        self.note = note
        self.mode = "well"
        self.latency = 0.002
        self.slow_seconds = 0.0
        self.fates: deque[str] = deque()
        self.peers: dict[Peer, None] = {}
        self.on_taken: Callable[[int, Peer, float], None] = lambda *_: None
        self.on_hurt: Callable[[str], None] = lambda *_: None
        self.on_answer: Callable[[int, str], None] = lambda *_: None
        network.servers[name] = self

    @property
    def listens(self) -> bool:
        return self.mode != "down"

    def delay(self) -> float:
        return 0.0003 + self.latency * self.random.random()

    def accept(self, link: Link) -> Peer:
        peer = Peer(link)
        self.peers[peer] = None
        return peer

    def hung_up(self, peer: Peer) -> None:
        peer.is_gone = True
        self.peers.pop(peer, None)

    def change(self, mode: str) -> None:
        """Become another."""
        before, self.mode = self.mode, mode
        if mode != "refusing":
            self.on_hurt(self.name)
        if mode == "down":
            for peer in list(self.peers):
                self._cut(peer)
        if mode == "does not read":
            for peer in self.peers:
                peer.link.is_stuck = True
        elif before == "does not read":
            for peer in list(self.peers):
                peer.link.read_on()

    # Requests

    def receive(self, peer: Peer, data: bytes, sent_at: float) -> None:
        if peer.is_gone:
            return
        if self.mode == "unreachable":
            # TCP loses nothing in the middle: what comes later would have to wait for this.
            peer.link.cut(says_so=False)
            return
        try:
            for request in peer.protocol.receive_data(data):
                if peer.is_gone:
                    return
                self._handle(peer, request, sent_at)
        except EspError as error:
            raise AssertionError(f"the client wrote what nobody can read: {error}") from error
        pongs = peer.protocol.data_to_send()
        if pongs and self.mode != "silent":
            peer.link.answer(pongs)

    def _handle(self, peer: Peer, request: Request3rdServer, sent_at: float) -> None:
        delivery = delivery_of(request)
        fate = self.fates.popleft() if self.fates else ""
        if fate:
            self.note(f"{self.name}: request of {delivery}: {fate}")
        if fate and fate not in HARMLESS:
            self.on_hurt(self.name)
        if fate == "cut before taken":
            self._cut(peer)
            return
        self.on_taken(delivery, peer, sent_at)
        if fate in ("cut after taken", "taken, then all cut"):
            for each in [peer] if fate == "cut after taken" else list(self.peers):
                self._cut(each)
        elif fate == "garbage" or self.mode == "garbage":
            peer.link.is_garbled = True
            peer.link.answer(self.random.choice(GARBAGE))
        elif fate == "no answer" or self.mode == "silent":
            pass
        else:
            self._answer(peer, request.reference_id, delivery, fate)

    def _answer(self, peer: Peer, reference_id: int, delivery: int, fate: str) -> None:
        wait = 0.0
        if fate == "late answer":
            wait = self.slow_seconds + self.random.uniform(0.5, 20.0)
        elif fate == "very late answer":
            wait = self.random.uniform(50.0, 100.0)
        elif self.mode == "slow":
            wait = self.random.uniform(0.0, 2.0) * self.slow_seconds
        if wait:
            self.network.after(wait, self._say, peer, reference_id, delivery, fate)
        else:
            self._say(peer, reference_id, delivery, fate)

    def _say(self, peer: Peer, reference_id: int, delivery: int, fate: str) -> None:
        if peer.is_gone:
            return
        refuses = fate.startswith("refused") or self.mode == "refusing"
        if refuses:
            frame = peer.protocol.send_fault(reference_id, _fault(delivery, fate))
        else:
            said = {"Delivery": str(delivery), "Stamp": self.random.randrange(1 << 30)}
            frame = peer.protocol.send_response(reference_id, KVList.of(said))
        if fate == "half an answer":
            peer.link.answer(frame[: self.random.randrange(1, len(frame))])
            peer.link.end()
            return
        kind = "refused" if refuses else "accepted"
        self.on_answer(delivery, kind)
        if fate == "stray answer":
            peer.link.answer(self._stray(peer, reference_id))
        peer.link.answer(frame, (delivery, kind, fate))
        peer.answered.append(reference_id)
        if fate == "doubled answer":
            peer.link.answer(frame)
        elif fate == "stray answer":
            peer.link.answer(self._stray(peer, reference_id))

    def _stray(self, peer: Peer, reference_id: int) -> bytes:
        known = peer.answered or [reference_id + 100_000]
        other = self.random.choice([self.random.choice(known), reference_id + 100_000])
        return peer.protocol.send_response(other, KVList.of({"Delivery": "stray"}))

    def _cut(self, peer: Peer) -> None:
        self.hung_up(peer)
        peer.link.cut(ConnectionResetError(104, "Connection reset by peer"))


def delivery_of(request: Request3rdServer) -> int:
    """Return the delivery's id, which its text is made of."""
    parameters = request.request.get("Parameters")
    assert isinstance(parameters, KVList)
    return int(str(parameters.get("MessageText")).rpartition(" ")[2])


def _fault(delivery: int, fate: str) -> KVList | None:
    if fate == "refused without words":
        return None
    text = f"{POISON} " if fate == "refused with odd words" else ""
    return KVList.of({"FaultCode": "17", "FaultString": f"{text}no session for {delivery}"})
