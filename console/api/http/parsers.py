"""Reads request bodies."""

import io
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from console.errors import ConsoleError
from console.site.problems import too_large


class BodyTooLarge(ConsoleError):
    status = 413


class BoundedJSONParser(JSONParser):
    """Reads JSON up to a fixed size, without NULs and lone surrogates, which can't be stored."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(most + 1)
        if len(body) > most:
            raise BodyTooLarge("body_too_large", too_large())
        try:
            parsed = super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        self.check(parsed)
        return parsed

    def check(self, parsed: Any) -> None:
        _require_storable(parsed)


class FeedParser(BoundedJSONParser):
    """Reads the feed, which refuses an event with such a text by itself and accepts the others."""

    of_service = "events"

    def check(self, parsed: Any) -> None:
        if isinstance(parsed, dict):
            parsed = {name: value for name, value in parsed.items() if name != self.of_service}
        _require_storable(parsed)


class LinesParser(FeedParser):
    """Likewise for lines of transcripts."""

    of_service = "lines"


def _require_storable(value: Any) -> None:
    """Raise ParseError for a text at any depth that can't be stored."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item or not _is_encodable(item):
                raise ParseError("A text has a NUL or half a character in it; take it out.")
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
