"""Writes saved searches of the history: each person has their own."""

import hashlib
import json
from collections.abc import Mapping

from django.db import IntegrityError, transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.editing.revision import State, require_unchanged
from console.errors import Conflict, InvalidInput, NotFound, Unprocessable
from console.sends.asking.own import saved_searches
from console.sends.asking.periods import Period
from console.sends.history_filter import FILTERS, DeliveryFilter
from console.sends.models import SavedSearch
from console.text.inputs import read_name
from console.text.naming import folded
from console.text.sentences import term

SEARCHES_MOST = 30


def saved_search_state(search: SavedSearch) -> State:
    """What can be changed of a search, as plain data."""
    return {"name": search.name}


def saved_search_create(actor: Actor, *, name: str, query: Mapping[str, str]) -> SavedSearch:
    """Save filters under a name. `query` has them by name, as the page's address has them.

    Raises InvalidInput for a name or a filter that can't be used, Conflict for a name in use,
    Unprocessable for too many searches.
    """
    actor.require(Permission.SEND, Permission.VIEW_HISTORY)
    search = SavedSearch(owner_ref=actor.ref, query=_read(query))
    with transaction.atomic():
        if len(_locked(actor)) >= SEARCHES_MOST:
            raise Unprocessable(
                "too_many_searches_saved",
                "You have {limit} saved searches, and no more fit. Delete one first.",
                limit=SEARCHES_MOST,
            )
        _name(actor, search, name)
        _record(actor, Action.SEARCH_SAVED, search)
    return search


def saved_search_rename(
    actor: Actor, search: SavedSearch, *, name: str, expected: str | None = None
) -> SavedSearch:
    """Give a search another name. `expected` is the revision of the saved_search_state that was
    changed. Raises what saved_search_create raises, and Conflict if it is not as expected."""
    with transaction.atomic():
        search = _held(actor, search)
        require_unchanged(saved_search_state(search), expected, term("this search"))
        _name(actor, search, name)
        _record(actor, Action.SEARCH_RENAMED, search)
    return search


def saved_search_delete(actor: Actor, search: SavedSearch) -> None:
    with transaction.atomic():
        search = _held(actor, search)
        _record(actor, Action.SEARCH_DELETED, search)
        search.delete()


def _locked(actor: Actor) -> list[SavedSearch]:
    """Lock the actor's searches until the end of the transaction, so that names hold."""
    return list(saved_searches(actor).order_by("pk").select_for_update())


def _held(actor: Actor, search: SavedSearch) -> SavedSearch:
    for each in _locked(actor):
        if each.pk == search.pk:
            return each
    raise NotFound("search_not_found", "You have no saved search {search}.", search=search.pk)


def _read(query: Mapping[str, str]) -> dict[str, str]:
    """Return the filters as they are kept. Raises InvalidInput."""
    kept = {name: query[name] for name in (*FILTERS, "period") if query.get(name)}
    asked = dict(kept)
    period = asked.pop("period", "")
    if period and period not in Period.values:
        raise InvalidInput(
            "invalid_filter",
            "{name}: choose {known}.",
            {"field": "period"},
            name="period",
            known=list(Period.values),
        )
    DeliveryFilter.from_mapping(asked)
    if not kept:
        raise InvalidInput(
            "nothing_searched",
            "This searches for nothing: choose a filter, then save it.",
        )
    return kept


def _name(actor: Actor, search: SavedSearch, name: str) -> None:
    search.name = read_name(name, term("the search"))
    others = saved_searches(actor).exclude(pk=search.pk)
    if folded(search.name) in {folded(each.name) for each in others}:
        raise _name_taken(search)
    try:
        with transaction.atomic():
            search.save()
    except IntegrityError as error:  # of two at the same moment, who had none to lock
        raise _name_taken(search) from error


def _name_taken(search: SavedSearch) -> Conflict:
    return Conflict(
        "name_taken",
        "You have a search named {name} already. Choose another name.",
        {"field": "name"},
        name=search.name,
    )


def _record(actor: Actor, action: Action, search: SavedSearch) -> None:
    """The filters may name a customer, so the ledger has their digest alone."""
    written = json.dumps(search.query, sort_keys=True)
    digest = hashlib.sha256(written.encode()).hexdigest()
    audit.record(
        actor, action, target=("search", search.pk, search.name), data={"query_sha256": digest}
    )
