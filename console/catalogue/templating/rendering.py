"""Fills in a notice's template for one interaction, with Liquid.

Variables: `data.*` (the interaction's user data), `interaction.*`, `sender.name`, `now`, and
`field.*` (the sender's answers). A variable without a value and without `default` is an error,
never a gap in a customer's sentence; so is an ambiguous value. Dates and numbers have the forms of
the text's language, times the chat's zone. In a push URL the host is fixed and every value is
percent-encoded, so that no value can change its destination.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from liquid.exceptions import LiquidError, OutputStreamLimitError, UndefinedError

from console.catalogue.kinds import traits
from console.catalogue.templating.filling.lines import cleaned, on_one_line
from console.catalogue.templating.filling.state import Budget, Filling
from console.catalogue.templating.filling.unreadable import liquid_words, nothing
from console.catalogue.templating.language import (
    UNSTORABLE,
    VARIABLES,
    Snippet,
    fill,
    filling_for,
    first_mistake,
    use,
)
from console.catalogue.templating.push_urls import check_push_url
from console.errors import InvalidInput
from console.text.sentences import Sentence, sentence_of, term, with_texts, wording
from console.text.visible import is_blank
from console.text.wording import worded

WORDS_LENGTH = 400
# The host of a push URL must be fixed: there is no variable before the end of this match.
URL_START = re.compile(r"https?://[^/?#]+[/?#]", re.IGNORECASE)


UNDEFINED_VALUE = wording(
    "undefined_value",
    "{name} is undefined: this chat has no value for it, and the text no default.",
)
EMPTY_VALUE = wording(
    "empty_variable", "{name} is empty: this chat has no value for it, and the text no default."
)
NOT_FILLED_IN = wording("not_filled_in", "The text can't be filled in: {words}")
UNSTORABLE_TEXT = wording(
    "unstorable_text", "What comes out has characters that can't be stored or sent."
)
NOTHING_LEFT = wording("nothing_left", "Nothing is left of the text in this chat.")
LONGER_THAN_ALLOWED = wording(
    "longer_than_allowed", "The text has {length} characters; at most {limit:,} go."
)
URL_REFUSED = wording("url_refused", "{why}")


class RenderingRefused(Exception):
    """This interaction can't get this text. `reason` is a Reason of console.sends; `variable` is
    the variable without a value, if that is the reason."""

    def __init__(self, reason: str, said: Sentence, variable: str = "") -> None:
        super().__init__(said)
        self.reason = reason
        self.said = said
        self.variable = variable

    @property
    def message(self) -> str:
        """What is wrong, in the language of its reader."""
        return worded(self.said)


class BudgetSpent(Exception):
    """The budget of a `renderer` was used up before this interaction."""


def check_template(kind: str, template: str) -> None:
    """Raise InvalidInput for an empty, over-long or malformed template, or for a bad URL."""
    if is_blank(template):
        raise InvalidInput("empty_text", "Write the text: a notice without one can't be sent.")
    if len(template) > settings.TEXT_LIMIT:
        raise InvalidInput(
            "text_too_long",
            "The text has {count:,} characters; at most {limit:,} go.",
            count=len(template),
            limit=settings.TEXT_LIMIT,
        )
    is_url = traits(kind).is_url
    roots = VARIABLES - {"field"} if not traits(kind).is_sent else VARIABLES
    mistake = first_mistake(is_url, template, roots)
    if mistake:
        raise InvalidInput(
            "template_error", "The template can't be read: {mistake}.", mistake=mistake
        )
    if is_url:
        _check_url_template(template.strip())


def _check_url_template(template: str) -> None:
    """Raise InvalidInput unless the URL's fixed parts are valid and include the host."""
    check_push_url(_sample_url(template))
    fixed, mark, _rest = template.replace("{%", "{{").partition("{{")
    if mark and not URL_START.match(fixed):
        raise InvalidInput(
            "invalid_url",
            "The URL names its host with a variable. Write the host out, up to the next slash, "
            "as in https://example.com/{{ data.OrderId }}.",
        )


def _sample_url(template: str) -> str:
    """Return the URL with a harmless word for each variable, to check its fixed parts."""
    head, _mark, _tail = template.partition("{%")
    pieces = head.split("{{")
    return pieces[0] + "".join("x" + piece.partition("}}")[2] for piece in pieces[1:])


def render_body(kind: str, template: str, *, interaction: Any, **common: Any) -> str:
    """Return the text for one interaction, or a push URL's URL. Takes `renderer`'s arguments.

    Raises RenderingRefused with the reason unresolved_variable, template_error, empty_text,
    text_too_long or invalid_url.
    """
    return renderer(kind, template, **common)(interaction)


def renderer(
    kind: str,
    template: str,
    *,
    sender_name: str,
    now: datetime,
    snippets: Mapping[str, Snippet] | None = None,
    fields: Mapping[str, Any] | None = None,
    locale: str = "",
    budget: Budget | None = None,
) -> Callable[[Any], str]:
    """Return `render_body` for many interactions: their common work is done once.

    `snippets` are those that the template names, `fields` are the sender's answers (see
    `questions.for_templates`), `locale` is the text's language, "" for that of each chat. All
    interactions share the `budget`; once it is used up, the next one raises BudgetSpent.
    """
    is_url = traits(kind).is_url
    zone_key = settings.CHAT_TIME_ZONE_KEY
    now = now.astimezone(UTC)
    common = {
        "sender": prepared({"name": sender_name}, "sender"),
        "now": now,
        "field": prepared(fields or {}, "field"),
    }
    finish = _finish_url if is_url else _finish_text
    # Snippets may use the interaction, too.
    speaks_of_it = bool(snippets) or _speaks_of_the_interaction(is_url, template)

    def render(interaction: Any) -> str:
        if budget is not None and budget.is_spent:
            raise BudgetSpent
        data = prepared(interaction.user_data, "data")
        variables = {**common, "data": data}
        if speaks_of_it:
            variables["interaction"] = prepared(interaction_variables(interaction), "interaction")
        zone_name = data.get(zone_key) if zone_key else None
        filling = filling_for(is_url, locale, interaction.locale, zone_name=zone_name, now=now)
        try:
            return finish(_filled_in(is_url, template, variables, snippets, filling))
        finally:
            if budget is not None:
                budget.spend(filling.work + preparing_work(interaction.user_data))

    return render


def _speaks_of_the_interaction(is_url: bool, template: str) -> bool:
    try:
        return "interaction" in use(is_url, template).roots
    except Exception:  # rendering reports a bad template for each interaction
        return True


def interaction_variables(interaction: Any) -> dict[str, Any]:
    """Return the variables of the interaction itself."""
    return {
        "id": interaction.id,
        "queue": interaction.queue,
        "agent": interaction.agent,
        "locale": interaction.locale,
        "customer_name": interaction.customer_name,
        "received_at": interaction.received_at,
    }


def _filled_in(
    is_url: bool,
    template: str,
    variables: Mapping[str, Any],
    snippets: Mapping[str, Snippet] | None,
    filling: Filling,
) -> str:
    try:
        text = fill(is_url, template, variables, snippets, filling)
    except UndefinedError as error:
        words = _said(error)
        name = words.removesuffix(" is undefined").removesuffix(" is empty")
        said = EMPTY_VALUE if words.endswith(" is empty") else UNDEFINED_VALUE
        raise RenderingRefused("unresolved_variable", said(name=name), name) from error
    except OutputStreamLimitError as error:
        raise _too_long(term("more than {limit:,}", limit=settings.TEXT_LIMIT)) from error
    except Exception as error:  # a filter may raise anything on an unusable value
        words = _said(error)
        raise RenderingRefused("template_error", NOT_FILLED_IN(words=words)) from error
    if UNSTORABLE.search(text):
        raise RenderingRefused("template_error", UNSTORABLE_TEXT())
    return text


def _said(error: Exception) -> Sentence:
    """What the language says of a value, for people: on one line, and not too much of it."""
    said = liquid_words(error) if isinstance(error, LiquidError) else sentence_of(error)
    if len(said) > WORDS_LENGTH:
        said = term("{words}", words=str(said))
    return with_texts(said, _in_short)


def _in_short(text: str) -> str:
    return UNSTORABLE.sub("\ufffd", on_one_line(text))[:WORDS_LENGTH]


def _finish_text(text: str) -> str:
    _require_something(text)
    if len(text) > settings.TEXT_LIMIT:
        raise _too_long(term("{count:,}", count=len(text)))
    return text


def _require_something(text: str) -> None:
    if is_blank(text):
        raise RenderingRefused("empty_text", NOTHING_LEFT())


def _finish_url(text: str) -> str:
    _require_something(text)
    url = text.strip()
    try:
        check_push_url(url)
    except InvalidInput as error:
        raise RenderingRefused("invalid_url", URL_REFUSED(why=error.said)) from error
    return url


def _too_long(length: Sentence) -> RenderingRefused:
    return RenderingRefused(
        "text_too_long", LONGER_THAN_ALLOWED(length=length, limit=settings.TEXT_LIMIT)
    )


def prepared(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the values that are not blank. The others need a `default`, or the chat is skipped."""
    ready = {}
    for name, value in values.items():
        if type(value) is str and value.isascii() and value.isprintable():
            if value and not value.isspace():
                ready[name] = value
            continue
        value = _one(value, path, name)
        if value is not None:
            ready[name] = value
    return ready


def preparing_work(values: Any) -> int:
    """Return the cost of `prepared`, in steps of a filling. ASCII text costs hardly anything."""
    if isinstance(values, str):
        return 1 + len(values) // (32 if values.isascii() else 1)
    if isinstance(values, dict):
        return 1 + sum(map(preparing_work, values.values()))
    return 1 + sum(map(preparing_work, values)) if isinstance(values, list) else 1


def _one(value: object, path: str, name: object) -> Any:
    if isinstance(value, str):
        if is_blank(value):
            return None
        # A printable text has neither controls nor direction characters.
        return value if type(value) is str and value.isprintable() else cleaned(value)
    if isinstance(value, dict):
        return prepared(value, f"{path}.{name}")
    if isinstance(value, list):
        return _items(value, f"{path}.{name}")
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def _items(values: list[Any], path: str) -> list[Any]:
    """Prepare the items of a list, which keep their positions: a blank item becomes Nothing."""
    items = [_one(value, path, place) for place, value in enumerate(values)]
    return [
        nothing(f"{path}[{place}]") if item is None else item for place, item in enumerate(items)
    ]
