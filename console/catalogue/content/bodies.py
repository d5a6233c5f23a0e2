"""Checks the texts of a version on their own."""

import re
from collections.abc import Mapping
from typing import Any

from console.catalogue.kinds import traits
from console.catalogue.templating.language import use
from console.catalogue.templating.rendering import check_template
from console.errors import InvalidInput
from console.text import language_tags
from console.text.sentences import term

LOCALE_LIMIT = 30
LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


def check_bodies(
    kind: str, default_locale: str, bodies: Mapping[str, str], *, is_restored: bool
) -> None:
    if default_locale not in bodies:
        raise InvalidInput(
            "empty_text",
            "Write the text in the default language ({locale}).",
            locale=default_locale or term("none set"),
        )
    if len(bodies) > LOCALE_LIMIT:
        raise InvalidInput(
            "too_many_locales",
            "A version has texts in at most {limit} languages; these are {count}.",
            limit=LOCALE_LIMIT,
            count=len(bodies),
        )
    twice = language_tags.twice(bodies, as_written=is_restored)
    if twice is not None:
        raise InvalidInput(
            "locale_twice",
            "One language stands there twice: {twice:and} mean the same. Keep one text for each "
            "language.",
            {"locale": twice[1]},
            twice=twice,
        )
    for locale, body in bodies.items():
        if not LOCALE.fullmatch(locale) or len(locale) > 35:
            raise InvalidInput(
                "unknown_locale",
                "{locale!r} is no language code: use for example en or pt-BR.",
                locale=locale,
            )
        try:
            check_template(kind, body)
        except InvalidInput as error:
            raise InvalidInput(
                error.code, "{locale}: {why}", {"locale": locale}, locale=locale, why=error.said
            ) from error


def check_fields(kind: str, bodies: Mapping[str, str], fields: list[dict[str, Any]]) -> None:
    if fields and not traits(kind).is_sent:
        raise InvalidInput(
            "invalid_fields",
            "A snippet asks for nothing: the notices in which it stands do. Take the fields out.",
        )
    names = {field["name"] for field in fields}
    for locale, body in bodies.items():
        for name in sorted(use(traits(kind).is_url, body).names("field") - names):
            raise InvalidInput(
                "invalid_fields",
                "{locale}: the text has field.{name}, for which nobody is asked. Add the field "
                "{name}, or take it out of the text.",
                {"field": name, "locale": locale},
                locale=locale,
                name=name,
            )
