"""Which chats the board lists: what the selects and the audience in its address say, together.

The list, its refreshes, "all that match", the preview, the newcomers and the send read it here.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import QueryDict

from console.actors import Actor
from console.errors import ConsoleError, InvalidInput
from console.interactions.audience.audience import Audience
from console.interactions.audience.simple_filter import InteractionFilter
from console.text.visible import is_blank

# `all` is no filter of the page: the form has `everything` for selecting all matches.
FILTERS = tuple(name for name in InteractionFilter.__dataclass_fields__ if name != "all")
AUDIENCE = "audience"
# Further parameters of the board's address. `view` is the saved view that was opened.
VIEW = "view"
OF_THE_LIST = ("sort", "page", "notice", "shown", "select", VIEW)

NOBODY = Q(pk__in=())


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the address says. `text` is the audience as it was typed.

    An audience that can't be read has a `refusal`, and means no chat.
    """

    filter: InteractionFilter
    condition: Q
    text: str = ""
    audience: Audience | None = None
    refusal: str = ""
    view: int | None = None

    def to_condition(self, actor: Actor) -> Q:
        """Return the condition for chats, as it was read for this actor."""
        return self.condition

    @property
    def query(self) -> dict[str, Any]:
        """What is set, as parameters of the board's address."""
        found = self.filter.to_mapping()
        if self.text:
            found[AUDIENCE] = self.text
        return found

    @property
    def here(self) -> dict[str, Any]:
        """The same with the saved view that it came from."""
        return self.query | ({VIEW: self.view} if self.view else {})

    @property
    def whole(self) -> Audience | None:
        """The selects and the audience as one; None if it can't be read or nothing is set."""
        if self.refusal or not self.query:
            return None
        return together(self.filter, self.audience)


def together(filter: InteractionFilter, audience: Audience | None) -> Audience:
    """Return what is in both. Raises InvalidInput if that is more than an audience may have."""
    if audience is None:
        return filter.to_audience()
    both = filter.to_audience().and_also(audience)
    return Audience.from_mapping(both.to_mapping())


def read_chosen(actor: Actor, query: QueryDict) -> Chosen:
    """Read what the board lists from a query string. It ignores other parameters and blank ones,
    since a form sends its unset filters as blanks. Raises InvalidInput for a select's value."""
    filter = InteractionFilter.from_mapping(
        {name: query[name] for name in FILTERS if not is_blank(query.get(name, ""))}
    )
    text, view = query.get(AUDIENCE, "").strip(), _number(query.get(VIEW, ""))
    if is_blank(text):
        return Chosen(filter, filter.to_condition(actor), view=view)
    try:
        audience = Audience.from_text(text)
        condition = together(filter, audience).to_condition(actor)
    except ConsoleError as refusal:
        return Chosen(filter, NOBODY, text, refusal=refusal.message, view=view)
    return Chosen(filter, condition, text, audience, view=view)


def read_sent_to(query: QueryDict) -> dict[str, Any]:
    """Return which chats a send to all matches goes to, as a SendOrder takes them.

    The page omits what is not set, so a blank or unknown parameter is refused: without it the send
    would reach more chats.
    """
    unknown = sorted(set(query) - {*FILTERS, *OF_THE_LIST, AUDIENCE})
    if unknown:
        raise InvalidInput(
            "unknown_filter",
            "There is no filter {names}. Choose the chats again.",
            names=", ".join(unknown)[:100],
        )
    given = {name: query[name] for name in FILTERS if name in query}
    if AUDIENCE not in query:
        return {"filter": InteractionFilter.from_mapping(given or {"all": True})}
    audience = Audience.from_text(str(query[AUDIENCE]))
    return {"audience": together(InteractionFilter.from_mapping(given), audience)}


def _number(written: str) -> int | None:
    is_number = written.isascii() and written.isdecimal() and len(written) < 19
    return int(written) if is_number else None
