"""What the history's page shows of its filters: chips that can be taken away, other readings of the
text, and links to periods of days."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.actors import Actor
from console.sends.asking.own import saved_searches
from console.sends.asking.periods import Period, days_of, today
from console.sends.asking.reading import Offer, box_read, box_text, text_offers
from console.sends.asking.vocabulary import Reading
from console.sends.history.facets import Facets
from console.sends.history_filter import FILTERS
from console.sends.models import SavedSearch
from console.sends.pages.forms import HistoryForm
from console.sends.selectors import name_of_origin

TIMES = ("since", "until")
HEADINGS = {
    "status": gettext_lazy("Outcomes"),
    "notice": gettext_lazy("Notices"),
    "actor": gettext_lazy("Sent by"),
    "chat_server": gettext_lazy("Chat Servers"),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter as it is shown, and the address without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True, slots=True)
class Link:
    words: str
    url: str
    is_chosen: bool = False


def query_of(query: QueryDict) -> dict[str, str]:
    """Return the filters of an address, by name."""
    return {
        key: str(query[key])
        for key in HistoryForm.base_fields
        if key != "box" and str(query.get(key, "")).strip()
    }


def address(query: QueryDict, changes: Mapping[str, str], *, name: str = "history") -> str:
    """Return the history's address with other filters; "" takes one away. The place in the list
    goes, too, and a period goes in place of times and the other way round."""
    if changes.get("period"):
        changes = {**dict.fromkeys(TIMES, ""), **changes}
    elif any(changes.get(each) for each in TIMES):
        changes = {"period": "", **changes}
    values = {key: value for key, value in {**query_of(query), **changes}.items() if value}
    return f"{reverse(name)}?{urlencode(values)}" if values else reverse(name)


def box_resolved(actor: Actor, form: HistoryForm, query: QueryDict) -> str:
    """Return the address that has as filters what was typed into the box. Its text takes the place
    of the one before."""
    read = box_read(actor, form.cleaned_data["box"])
    return address(query, {**read.changes, "q": read.text})


def in_box(actor: Actor, form: HistoryForm) -> str:
    """Return what the box shows: what was typed, or the text that is searched for."""
    if not form.is_valid():
        return str(form.data.get("box") or form.data.get("q") or "")
    return box_text(actor, form.cleaned_data["q"])


def chips(actor: Actor, form: HistoryForm, query: QueryDict) -> list[Chip]:
    """Return what is searched for, each with the address without it."""
    if not form.is_valid():
        return []
    given = {name: value for name, value in form.cleaned_data.items() if value and name != "box"}
    return [
        Chip(_label(name), _shown(actor, name, value), address(query, {name: ""}))
        for name, value in given.items()
    ]


def offers(actor: Actor, form: HistoryForm, query: QueryDict) -> Iterator[Link]:
    """Yield what words of the text can mean besides a text."""
    text = form.cleaned_data["q"] if form.is_valid() else ""
    for offer in text_offers(actor, text) if text else ():
        changes = {**dict(offer.reading.changes), "q": offer.rest}
        yield Link(_in_words(actor, offer), address(query, changes))


def presets(query: QueryDict) -> list[Link]:
    """Return the links to periods; the one that is chosen leads away from it."""
    chosen = query.get("period", "")
    return [
        Link(
            str(period.label),
            address(query, {"period": "" if period == chosen else str(period)}),
            period == chosen,
        )
        for period in Period
    ]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deliveries have which values of the filters, each value with its address."""

    counted: int
    is_all: bool
    lists: list[tuple[str, list[tuple[Link, int]], int]]


def counts(facets: Facets, query: QueryDict) -> Counts:
    lists = []
    for name, values in facets.values.items():
        chosen = query.get(name, "").strip()
        choices = dict(FILTERS[name].choices)
        links = [
            (
                Link(
                    str(choices.get(each.value, each.name)),
                    address(query, {name: "" if each.value == chosen else each.value}),
                    each.value == chosen,
                ),
                each.number,
            )
            for each in values
        ]
        lists.append((str(HEADINGS[name]), links, facets.left_out[name]))
    return Counts(facets.counted, facets.is_all, [each for each in lists if each[1]])


@dataclass(frozen=True, slots=True)
class Saved:
    """A search of the person's own; `edit_url` is for the one that is shown."""

    link: Link
    edit_url: str


def saved_query(search: SavedSearch) -> QueryDict:
    return QueryDict(urlencode(search.query))


def saved(actor: Actor, query: QueryDict) -> list[Saved]:
    now = query_of(query)
    found = []
    for search in saved_searches(actor):
        link = Link(search.name, address(saved_query(search), {}), search.query == now)
        found.append(Saved(link, reverse("saved-search-edit", args=[search.pk])))
    return found


def _in_words(actor: Actor, offer: Offer) -> str:
    return _("“%(words)s” as %(meaning)s") % {
        "words": offer.words,
        "meaning": meaning(actor, offer.reading),
    }


def meaning(actor: Actor, reading: Reading) -> str:
    """Return what filters of the page's address say, in words."""
    form = HistoryForm(dict(reading.changes))
    form.is_valid()
    return ", ".join(
        f"{_label(name)}: {_shown(actor, name, value)}"
        for name, value in form.cleaned_data.items()
        if value
    )


def _label(name: str) -> str:
    if name == "q":
        return _("Text")
    return str(FILTERS[name].label if name in FILTERS else HistoryForm.base_fields[name].label)


def _shown(actor: Actor, name: str, value: Any) -> str:
    if isinstance(value, datetime):
        local = value.astimezone(timezone.get_default_timezone())
        at_midnight = (local.hour, local.minute) == (0, 0)
        return date_format(local, "DATE_FORMAT" if at_midnight else "DATETIME_FORMAT")
    if name == "period":
        days = days_of(value, today())
        label = str(Period(value).label)
        first, last = (date_format(day, "DATE_FORMAT") for day in (days.first, days.last))
        return f"{label} ({first})" if first == last else f"{label} ({first} – {last})"
    if name == "actor":
        return name_of_origin(actor, value)
    choices = dict(FILTERS[name].choices)
    return str(choices.get(value, value))
