"""Previews of the version being written, in all languages, as a customer's chat would show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from console.catalogue.content import snippets
from console.catalogue.content.languages import Missing, live_locales, missing_locales
from console.catalogue.content.questions import for_templates, samples
from console.catalogue.content.snippets import Foreign
from console.catalogue.kinds import traits
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus
from console.catalogue.review.forecast import Forecast, forecast, tried_chats
from console.catalogue.review.samples import ExampleChat
from console.catalogue.templating.language import use
from console.catalogue.templating.rendering import RenderingRefused, check_template, render_body
from console.errors import ConsoleError
from console.interactions.models import Interaction


@dataclass(frozen=True, slots=True)
class Preview:
    """One language as the chosen chat would get it, or why it would not. `length` and `limit` are
    in characters: `length` is the rendered text's, or the template's if it can't be rendered."""

    locale: str
    body: str
    refusal: str
    length: int
    limit: int
    # The variable without a value, if that is the reason.
    variable: str = ""

    @property
    def is_long(self) -> bool:
        return self.length * 10 > self.limit * 9


def draft_of(
    notice: CannedNotice,
    *,
    default_locale: str,
    bodies: Mapping[str, str],
    fields: Sequence[Mapping[str, Any]],
) -> NoticeVersion:
    """Return the content being written as a version, with its future snippets. It is never
    saved."""
    version = NoticeVersion(
        notice=notice,
        default_locale=default_locale if default_locale in bodies else next(iter(bodies), ""),
        bodies=dict(bodies),
        fields=list(fields),
    )
    version.snippets = snippets.usable(_named(notice.kind, bodies), notice)
    return version


def with_current_snippets(version: NoticeVersion) -> NoticeVersion:
    """Return the version. A draft gets the snippets that it would be submitted with now, and is
    never saved."""
    if version.status == VersionStatus.DRAFT:
        named = _named(version.notice.kind, version.bodies)
        version.snippets = snippets.usable(named, version.notice)
    return version


def _named(kind: str, bodies: Mapping[str, str]) -> set[str]:
    keys: set[str] = set()
    for body in bodies.values():
        try:
            keys |= use(traits(kind).is_url, body).snippets
        except Exception:  # noqa: S112 - half written: its preview shows the error
            continue
    return keys


def previews(
    version: NoticeVersion,
    chat: Interaction | ExampleChat,
    sender_name: str,
    among: snippets.Loaded,
    *,
    only: str = "",
) -> list[Preview]:
    """Return the previews of all languages, or of the `only` one, whatever the chat's language is.
    `among` has the version's snippets."""
    kind = version.notice.kind
    limit = settings.URL_LIMIT if traits(kind).is_url else settings.TEXT_LIMIT
    shown = []
    for locale, template in version.bodies.items():
        if only and locale != only:
            continue
        body = refusal = variable = ""
        try:
            check_template(kind, template)
            body = render_body(
                kind,
                template,
                interaction=chat,
                sender_name=sender_name,
                now=timezone.now(),
                snippets=snippets.words(version.snippets, locale, among),
                fields=for_templates(version.fields, samples(version.fields)),
                locale=locale,
            )
        except (ConsoleError, RenderingRefused) as refused:
            refusal = refused.message
            variable = getattr(refused, "variable", "")
        shown.append(Preview(locale, body, refusal, len(body or template), limit, variable))
    return shown


def expected(version: NoticeVersion, among: snippets.Loaded) -> Forecast:
    """Return in how many of the current chats the version would fail. Invalid texts give no
    failures: their preview shows the error."""
    if not version.bodies:
        return Forecast()
    try:
        for body in version.bodies.values():
            check_template(version.notice.kind, body)
    except ConsoleError:
        return Forecast()
    return forecast(version, tried_chats(), among)


def foreign(version: NoticeVersion, among: snippets.Loaded) -> list[Foreign]:
    """Return the snippets in other languages; none if a text is invalid."""
    try:
        return snippets.foreign(version, among)
    except ConsoleError:
        return []


def missing(version: NoticeVersion) -> list[Missing]:
    return missing_locales(version, live_locales()) if version.bodies else []
