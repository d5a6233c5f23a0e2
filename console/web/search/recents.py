"""A person's recently opened pages.

The browser stores only references, such as "notice:late". The server looks up their present titles
each time, as far as the person may still see them.
"""

import re
from collections.abc import Callable, Sequence

from django.http import HttpRequest

from console.actors import Actor, Permission
from console.catalogue.selectors import notices
from console.interactions.pages.chat_search import chats_by_id
from console.sends.selectors import READERS, sends_of
from console.web.search.hits import Hit
from console.web.search.kinds import history_of, live_chat, notice_hits, send_hits
from console.web.search.places import BY_NAME

MOST = 8
REFERENCE = re.compile(r"(notice|send|chat|page):(\S{1,100})")
NOTICE_PAGES = ("notice-detail", "notice-edit", "notice-compare", "notice-settings")


def reference(request: HttpRequest) -> str:
    """Return the reference of this request's page; "" if it is nothing to return to."""
    match = getattr(request, "resolver_match", None)
    if match is None:
        return ""
    if match.view_name in NOTICE_PAGES:
        return f"notice:{match.kwargs['key']}"
    if match.view_name == "send-detail":
        return f"send:{match.kwargs['send_id']}"
    return f"page:{match.view_name}" if match.view_name in BY_NAME else ""


def resolved(actor: Actor, references: Sequence[str]) -> list[Hit]:
    """Return those that the actor may still open, in this order and with their present titles.

    Invalid references, and those that lead nowhere, are left out.
    """
    given = [each for each in dict.fromkeys(references) if REFERENCE.fullmatch(each)][:MOST]
    by_kind: dict[str, list[str]] = {}
    for each in given:
        kind, _colon, name = each.partition(":")
        by_kind.setdefault(kind, []).append(name)
    there = {
        hit.ref: hit for kind, names in by_kind.items() for hit in RESOLVERS[kind](actor, names)
    }
    return [there[each] for each in given if each in there]


def _notices(actor: Actor, keys: list[str]) -> list[Hit]:
    if not actor.may(Permission.VIEW_CATALOGUE):
        return []
    return notice_hits(list(notices(actor).filter(key__in=keys)))


def _sends(actor: Actor, numbers: list[str]) -> list[Hit]:
    if not any(actor.may(each) for each in (*READERS, Permission.ADMINISTER)):
        return []
    written = [int(each) for each in numbers if re.fullmatch("[0-9]{1,18}", each, re.ASCII)]
    return send_hits(sends_of(actor, written))


def _chats(actor: Actor, ids: list[str]) -> list[Hit]:
    """Return live chats as hits on the board, others as hits in the history."""
    hits: list[Hit] = []
    if actor.may(Permission.VIEW_INTERACTIONS):
        hits += [live_chat(chat) for chat in chats_by_id(actor, ids) if chat.is_live]
    live = {hit.ref for hit in hits}
    others = [each for each in ids if f"chat:{each}" not in live]
    if others and (actor.may(Permission.SEND) or actor.may(Permission.VIEW_HISTORY)):
        hits += history_of(actor, others)
    return hits


def _pages(actor: Actor, names: list[str]) -> list[Hit]:
    places = [BY_NAME[each] for each in names if each in BY_NAME]
    return [place.hit() for place in places if place.is_for(actor)]


RESOLVERS: dict[str, Callable[[Actor, list[str]], list[Hit]]] = {
    "notice": _notices,
    "send": _sends,
    "chat": _chats,
    "page": _pages,
}
