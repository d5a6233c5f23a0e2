"""The policy file of c2sp.org/tlog-policy: logs, witnesses, groups and the quorum. Pure.

A file that is not exactly in that form is refused, with the line at fault.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from console.audit.tlog.notes import COSIGNATURE, ED25519, BadNote, Verifier, parse_vkey

NONE = "none"
MOST_BYTES = 256 * 1024
_WRONG_BYTE = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
KINDS = {ED25519: "of a log (type 0x01)", COSIGNATURE: "of a witness (type 0x04)"}


class BadPolicy(ValueError):
    """The file is not a policy. The text names the line."""


@dataclass(frozen=True)
class Witness:
    """A witness: its name in the policy, its key, and its submission prefix ("" if it has none)."""

    name: str
    verifier: Verifier
    url: str = ""

    @property
    def shown(self) -> str:
        """Its name for people: what is no UTF-8 becomes a mark."""
        return self.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass(frozen=True)
class Group:
    """Of its members so many have to cosign."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """Which witnesses there are, and which of them suffice."""

    logs: tuple[Verifier, ...] = ()
    witnesses: Mapping[str, Witness] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str = NONE

    def is_met(self, cosigners: Collection[str]) -> bool:
        """Return whether these witnesses, by their names, are a quorum."""
        return self.quorum == NONE or self._has(self.quorum, cosigners)

    def _has(self, name: str, cosigners: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in cosigners
        return sum(self._has(member, cosigners) for member in group.members) >= group.needed


def parse_policy(data: bytes) -> Policy:
    """Read a policy file. Raises BadPolicy."""
    if len(data) > MOST_BYTES:
        raise BadPolicy(f"a policy has {MOST_BYTES} bytes at most")
    reading = _Reading()
    for number, raw in enumerate(data.split(b"\n"), start=1):
        if wrong := _WRONG_BYTE.search(raw):
            raise BadPolicy(f"line {number}: the byte {wrong[0][0]:#04x} may not be in a policy")
        # Names are octets: what is no UTF-8 stays what it is.
        words = re.findall(r"[^ \t]+", raw.decode("utf-8", "surrogateescape"))
        if words and not words[0].startswith("#"):
            try:
                reading.take(words)
            except ValueError as error:
                raise BadPolicy(f"line {number}: {error}") from error
    return reading.policy()


def read_policy(raw: str) -> Policy | None:
    """Convert the path of a policy file. Raises ValueError."""
    try:
        data = Path(raw).read_bytes()
    except OSError as error:
        raise ValueError("set it to a policy file that can be read") from error
    return parse_policy(data)


def quorum_minutes(raw: str) -> int:
    """Convert how old a quorum may be. Raises ValueError."""
    complaint = "set it to 0, or to a whole number of minutes from 10 to 1,440"
    try:
        minutes = int(raw)
    except ValueError as error:
        raise ValueError(complaint) from error
    if minutes and not 10 <= minutes <= 1440:  # checkpoints are five minutes apart
        raise ValueError(complaint)
    return minutes


class _Reading:
    """What has been read so far. Raises ValueError for a line that does not fit."""

    def __init__(self) -> None:
        self.logs: list[Verifier] = []
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.quorum = ""
        self._members: set[str] = set()

    def take(self, words: Sequence[str]) -> None:
        kind, *rest = words
        takers = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        if kind not in takers:
            raise ValueError(f"{kind!r} is none of log, witness, group and quorum")
        takers[kind](rest)

    def policy(self) -> Policy:
        if not self.quorum:
            raise BadPolicy("a policy has one line of quorum, and this has none")
        return Policy(tuple(self.logs), self.witnesses, self.groups, self.quorum)

    def _log(self, words: Sequence[str]) -> None:
        if len(words) not in (1, 2):
            raise ValueError("a log is: log VKEY [URL]")
        self.logs.append(self._new_key(words[0], ED25519, self.logs))

    def _witness(self, words: Sequence[str]) -> None:
        if len(words) not in (2, 3):
            raise ValueError("a witness is: witness NAME VKEY [URL]")
        name = self._new_name(words[0])
        known = [witness.verifier for witness in self.witnesses.values()]
        key = self._new_key(words[1], COSIGNATURE, known)
        self.witnesses[name] = Witness(name, key, _address(words[2]) if words[2:] else "")

    def _group(self, words: Sequence[str]) -> None:
        if len(words) < 3:
            raise ValueError("a group is: group NAME all|any|NUMBER NAME…")
        name, count, *members = words
        self._new_name(name)
        for member in members:
            self._known_name(member)
            if member in self._members:
                raise ValueError(f"{member!r} is a member already, and may be one only once")
            self._members.add(member)
        needed = {"all": len(members), "any": 1}.get(count, 0)
        if not needed and _NUMBER.fullmatch(count):
            needed = int(count)
        if not 1 <= needed <= len(members):
            raise ValueError(f"{count!r} is none of all, any, and 1 to {len(members)}")
        self.groups[name] = Group(needed, tuple(members))

    def _quorum(self, words: Sequence[str]) -> None:
        if len(words) != 1:
            raise ValueError("a quorum is: quorum NAME")
        if self.quorum:
            raise ValueError("there is a line of quorum already")
        if words[0] != NONE:
            self._known_name(words[0])
        self.quorum = words[0]

    def _new_name(self, name: str) -> str:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise ValueError(f"the name {name!r} is taken")
        return name

    def _known_name(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise ValueError(f"no line before has a witness or a group named {name!r}")

    @staticmethod
    def _new_key(text: str, kind: int, known: Sequence[Verifier]) -> Verifier:
        try:
            key = parse_vkey(text)
        except BadNote as error:
            raise ValueError(str(error)) from error
        if key.kind != kind:
            raise ValueError(f"{text!r} is not a key {KINDS[kind]}")
        if any(key.public == other.public for other in known):
            raise ValueError(f"the public key of {text!r} is there already")
        return key


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        # A port that is no number raises ValueError.
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment or not text.isprintable():
        raise ValueError(f"{text!r} is no address such as https://witness.example")
    return text.rstrip("/")
