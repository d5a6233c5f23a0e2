"""What else people, programs and chats hand in is read in time for its length: language tags,
names, search words, tags, addresses, headers, files."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from console.api.http.parsers import _require_storable
from console.api.http.waiting import preferred_wait
from console.catalogue.content.bodies import LOCALE
from console.catalogue.content.notices import KEY, normal_shortcut, normal_tags
from console.catalogue.content.search_words import as_query, as_vector
from console.catalogue.templating.push_urls import check_push_url, shown_host
from console.catalogue.transfer.files.formats import CSV, JSON
from console.catalogue.transfer.reading import READERS
from console.errors import ConsoleError
from console.interactions.feed.events import parse_event
from console.security.lookalikes import are_alike, require_plain
from console.text import language_tags, visible
from console.text import spreadsheets as escaping
from console.text.inputs import read_line
from console.web.templatetags.differences import difference
from tests.support.growth import require_linear

SHAPES: dict[str, Callable[[int], str]] = {
    "letters": lambda n: "a" * n,
    "parts": lambda n: "a-1_b." * n,
    "blanks": lambda n: "a" + " " * n + "b",
    "quotes": lambda n: "='\"\\" * n,
    "commas": lambda n: "a, b;" * n,
    "others": lambda n: "аé\u05d0漢" * n,
    "nothing to see": lambda n: "\u200b" * n + "\n",
    "dots": lambda n: "https://a.example/" + "../%2e" * n,
    "underscores": lambda n: "_x0041_" * n,
    "braces": lambda n: '[{"a":' * n,
}


def feed(value: str) -> None:
    now = datetime.now(UTC).isoformat()
    chat: dict[str, Any] = {"id": "a", "queue": value, "user_data": {"A": value, "B": {"C": value}}}
    parse_event({"type": "upsert", "occurred_at": now, "interaction": chat})


READ: dict[str, Callable[[str], object]] = {
    "a language tag": language_tags.read,
    "a chat's language": lambda value: language_tags.best(value, ("en", "de"), "en"),
    "how a language is written": language_tags.is_right_to_left,
    "a language's name": language_tags.name,
    "a text for people": visible.normal_line,
    "a text of one line": lambda value: read_line(value, what="It", field="it"),
    "a name": lambda value: require_plain(value, what="It", field="it", others=["Desk"]),
    "what looks like it": lambda value: are_alike(value, value[1:]),
    "search words": as_query,
    "words to be found by": lambda value: as_vector([("A", value)]),
    "tags": lambda value: normal_tags([value]),
    "a shortcut": normal_shortcut,
    "a key": KEY.fullmatch,
    "a locale": LOCALE.fullmatch,
    "a push URL": check_push_url,
    "the host of a URL": shown_host,
    "a preference": lambda value: preferred_wait(f"wait=1, {value}"),
    "a body of JSON": lambda value: _require_storable([value, {value: value}]),
    "an event of the feed": feed,
    "a formula": lambda value: escaping.with_formula(escaping.without_formula(value)),
    "a cell of XLSX": lambda value: escaping.xml_unescaped(escaping.xml_escaped(value)),
    "a file of CSV": lambda value: CSV().create_dataset(value.encode()),
    "a file of JSON": lambda value: JSON().create_dataset(value.encode()),
    "a difference": lambda value: difference(value, value[1:] + "x"),
    **{f"a column {name}": reader for name, reader in sorted(READERS.items())},
}


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_reading_takes_time_for_the_length(read: Callable[[str], object]) -> None:
    for shape in SHAPES.values():

        def made(length: int, shape: Callable[[int], str] = shape) -> Callable[[], object]:
            value = shape(length)

            def action() -> None:
                with suppress(ConsoleError, ValueError):
                    read(value)

            return action

        # What has a limit of its own is past it here, or read whole.
        require_linear(made, 4000)
