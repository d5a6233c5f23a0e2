"""Reads one transcript event of the feed: lines of a chat, each with who may see it. Pure, no
database."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.interactions.feed import events as common
from console.interactions.models import LineVisibility, Party
from console.text.sentences import term
from console.text.visible import is_blank, one_line

LINES_AN_EVENT = 200
NICKNAME_LIMIT = 255
TEXT_LIMIT = 10_000
LINE_FIELDS = {"at", "party", "nickname", "text", "visibility"}


@dataclass(frozen=True, slots=True)
class FedLine:
    """A line as the feed told of it. `visibility` says who sees it in the chat."""

    at: datetime
    party: str
    nickname: str
    text: str
    visibility: str

    @property
    def key(self) -> str:
        """A digest that is the same for the same line."""
        said = [self.at.isoformat(), self.party, self.nickname, self.text, self.visibility]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TranscriptEvent:
    """Lines of one chat, in the order of the event."""

    interaction_id: str
    lines: tuple[FedLine, ...]


def is_transcript(raw: object) -> bool:
    return isinstance(raw, Mapping) and raw.get("type") == common.TRANSCRIPT


def parse_transcript(raw: object) -> TranscriptEvent:
    """Validate and read one transcript event. Raises InvalidInput that names the invalid field.

    The visibility of a line is mandatory: a line of which nobody knows who may see it is refused.
    """
    event = common.read_mapping(raw, "the event", {*common.EVENT_FIELDS, "lines"})
    interaction = common.read_mapping(event.get("interaction"), "interaction", {"id"})
    common.read_time(event.get("occurred_at"), "occurred_at")
    common.read_sequence(event.get("sequence"))
    lines = event.get("lines")
    if not isinstance(lines, list) or not 0 < len(lines) <= LINES_AN_EVENT:
        raise common.wrong_field(
            "lines", term("must be a list of 1 to {limit} lines", limit=LINES_AN_EVENT)
        )
    return TranscriptEvent(
        common.read_interaction_id(interaction.get("id")),
        tuple(_line(line, f"lines[{index}]") for index, line in enumerate(lines)),
    )


def _line(raw: object, name: str) -> FedLine:
    line = common.read_mapping(raw, name, LINE_FIELDS)
    return FedLine(
        at=common.read_time(line.get("at"), f"{name}.at"),
        party=_one_of(line, "party", Party.values, name),
        nickname=one_line(_text(line.get("nickname") or "", f"{name}.nickname", NICKNAME_LIMIT)),
        text=_filled(line.get("text"), f"{name}.text"),
        visibility=_one_of(line, "visibility", LineVisibility.values, name),
    )


def _one_of(line: Mapping[str, Any], field: str, known: list[str], name: str) -> str:
    value = line.get(field)
    if value not in known:
        raise common.wrong_field(f"{name}.{field}", term("must be one of {known:or}", known=known))
    return str(value)


def _text(value: object, name: str, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or not common.is_storable(value):
        raise common.wrong_field(
            name, term("must be a text of at most {limit} characters", limit=most)
        )
    return value


def _filled(value: object, name: str) -> str:
    text = _text(value, name, TEXT_LIMIT)
    if is_blank(text):
        raise common.wrong_field(name, term("must not be empty"))
    return text
