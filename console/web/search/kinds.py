"""The kinds of things that are searched, each with the selector of its own pages.

A finder gets the actor and the typed text, and returns a group of at most MOST_A_GROUP hits.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from console.accounts.selectors import api_clients, teams, users
from console.actors import Actor, Permission
from console.catalogue.kinds import traits
from console.catalogue.models import CannedNotice, NoticeVersion
from console.catalogue.selectors import (
    SEARCHED,
    notices,
    notices_ranked,
    presets,
    sendable_versions,
)
from console.interactions.models import Interaction
from console.interactions.pages.chat_search import chats_by_id, chats_found
from console.interactions.selectors import chat_servers
from console.sends.models import Send
from console.sends.pages.send_search import chat_deliveries, send_ids_found, send_number
from console.sends.selectors import READERS, sends_of
from console.web.search.hits import MOST_A_GROUP, Group, Hit, Match, best_first, fit
from console.web.templatetags.console_ui import clock
from console.webhooks.selectors import webhooks_found

Finder = Callable[[Actor, str], Group]
HISTORY = (Permission.SEND, Permission.VIEW_HISTORY)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that is searched for actors with one of `permissions`."""

    label: Promise
    find: Finder
    permissions: tuple[Permission, ...]


def _page(url_name: str, asked: str, name: str = "q") -> str:
    return f"{reverse(url_name)}?{urlencode({name: asked})}"


def _more(count: int, page: str) -> str:
    return _("All %(n)s in %(page)s") % {"n": f"{count:,}", "page": page}


def _known(*facts: object) -> list[str]:
    return [str(fact) for fact in facts if fact]


# --- The catalogue --------------------------------------------------------------------------------


def find_notices(actor: Actor, asked: str) -> Group:
    ranked = notices_ranked(actor, asked)
    count, best = len(ranked), ranked[:MOST_A_GROUP]
    # Load details only for these, not for all ranked notices.
    by_pk = notices(actor).in_bulk(best)
    shown = [by_pk[pk] for pk in best if pk in by_pk]
    group = Group("notices", _("Notices"), notice_hits(shown, asked))
    if count <= MOST_A_GROUP:
        return group
    # Ranking stops at SEARCHED, so the total is unknown then.
    words = _more(count, _("Notices")) if count < SEARCHED else _("More in Notices")
    return Group(group.name, group.label, group.hits, _page("notice-list", asked), words)


def notice_hits(found: Sequence[CannedNotice], asked: str = "") -> list[Hit]:
    seen_by = _visibilities(found)
    plain = asked.strip().removeprefix("/")
    return [
        Hit(
            title=notice.title,
            url=reverse("notice-detail", args=[notice.key]),
            icon=traits(notice.kind).icon,
            facts=_known(
                notice.key,
                notice.shortcut and f"/{notice.shortcut}",
                notice.category and notice.category.path,
                notice.team and notice.team.name,
            ),
            status=notice.status,  # type: ignore[attr-defined]
            visibility=seen_by.get(notice.pk, ""),
            ref=f"notice:{notice.key}",
            match=fit(plain, notice.title, exact=(notice.key, notice.shortcut)),
        )
        for notice in found
    ]


def _visibilities(found: Sequence[CannedNotice]) -> dict[int, str]:
    """Return each notice's visibility, from the version in effect or else from the newest."""
    numbers = {notice.pk: notice.published_number for notice in found}  # type: ignore[attr-defined]
    versions = NoticeVersion.objects.filter(notice__in=found).order_by("notice", "number")
    seen_by: dict[int, str] = {}
    for pk, number, visibility in versions.values_list("notice_id", "number", "visibility"):
        if numbers[pk] in (None, number):
            seen_by[pk] = visibility
    return seen_by


def find_sendable(actor: Actor, asked: str) -> Group:
    """Find notices that can be sent now. Each hit opens the board with the notice chosen."""
    best = notices_ranked(actor, asked)[:MOST_A_GROUP]
    versions = {v.notice_id: v for v in sendable_versions(actor).filter(notice__in=best)}
    plain = asked.strip().removeprefix("/")
    hits = [
        Hit(
            title=_("Send “%(title)s”") % {"title": version.notice.title},
            url=_page("board", version.notice.key, "notice"),
            icon="send",
            facts=[_("Opens the board with this notice. Nothing is sent before you press Send.")],
            visibility=version.visibility,
            ref=f"notice:{version.notice.key}",
            match=max(
                Match.NAME,
                fit(
                    plain,
                    version.notice.title,
                    exact=(version.notice.key, version.notice.shortcut),
                ),
            ),
        )
        for version in (versions[pk] for pk in best if pk in versions)
        if actor.may_send_notice(version.notice.key)
    ]
    return Group("send-it", _("Send it"), hits[:3])


def find_presets(actor: Actor, asked: str) -> Group:
    found = presets(actor).filter(name__icontains=asked)
    page = "preset-edit" if actor.may(Permission.EDIT_CATALOGUE) else "preset-list"
    hits = [
        Hit(
            title=preset.name,
            url=reverse(page, args=[preset.pk] if page == "preset-edit" else []),
            icon="preset",
            facts=_known(preset.nickname),
            visibility=preset.visibility,
            match=fit(asked, preset.name),
        )
        for preset in found[:MOST_A_GROUP]
    ]
    return Group("presets", _("Visibility presets"), best_first(hits))


# --- Chats and their history ----------------------------------------------------------------------


def find_chats(actor: Actor, asked: str) -> Group:
    found = chats_found(actor, asked)
    shown = list(found[: MOST_A_GROUP + 1])
    hits = [live_chat(chat, asked) for chat in shown[:MOST_A_GROUP]]
    if len(shown) <= MOST_A_GROUP:
        return Group("chats", _("Live chats"), hits)
    words = _("All %(n)s on the board") % {"n": f"{found.count():,}"}
    return Group("chats", _("Live chats"), hits, _page("board", asked), words)


def live_chat(chat: Interaction, asked: str = "") -> Hit:
    """Return a hit that opens the board with only this chat, and focuses it."""
    return Hit(
        title=chat.customer_name or chat.pk,
        url=f"{_page('board', chat.pk)}#pick-{chat.pk}",
        icon="online" if chat.is_online else "offline",
        facts=_known(
            chat.queue,
            chat.locale,
            chat.agent,
            _("waiting %(time)s") % {"time": clock(chat.waiting_seconds)},
            chat.pk,
        ),
        ref=f"chat:{chat.pk}",
        match=fit(asked, chat.customer_name, exact=[chat.pk]) if asked else Match.WORDS,
    )


def find_history(actor: Actor, asked: str) -> Group:
    """Find the history of a chat, live or ended, by its whole id. There is no index for more."""
    ids = list(dict.fromkeys([asked, asked.upper(), asked.lower()]))
    return Group("history", _("History"), history_of(actor, ids))


def history_of(actor: Actor, ids: list[str]) -> list[Hit]:
    """Return a hit for each of these chats with a history that the actor may read, or that the
    actor saw and that has ended."""
    hits: dict[str, Hit] = {}
    got = chat_deliveries(actor, ids)
    for chat_id in ids:
        newest = got.filter(interaction_id=chat_id).first()
        if newest is not None:
            facts = _known(_("What this chat got"), chat_id)
            hits[chat_id] = _history(chat_id, newest.customer_name, facts, newest.created_at)
    if actor.may(Permission.VIEW_INTERACTIONS):
        for chat in chats_by_id(actor, [each for each in ids if each not in hits]):
            if not chat.is_live:
                facts = _known(_("Ended"), chat.queue, chat.pk)
                hits[chat.pk] = _history(chat.pk, chat.customer_name, facts, chat.ended_at)
    return [hits[each] for each in ids if each in hits]


def _history(chat_id: str, customer: str, facts: list[str], moment: Any) -> Hit:
    return Hit(
        title=customer or chat_id,
        url=_page("history", chat_id, "interaction"),
        icon="history",
        facts=facts,
        moment=moment,
        ref=f"chat:{chat_id}",
        match=Match.EXACT,
    )


def find_sends(actor: Actor, asked: str) -> Group:
    ids = send_ids_found(actor, asked)
    hits = send_hits(sends_of(actor, ids[:MOST_A_GROUP]), asked)
    if len(ids) <= MOST_A_GROUP:
        return Group("sends", _("Sends"), hits)
    words = _more(len(ids), _("Sends"))
    return Group("sends", _("Sends"), hits, _page("send-list", asked), words)


def send_hits(found: Iterable[Send], asked: str = "") -> list[Hit]:
    number = send_number(asked)
    hits = [
        Hit(
            title=_("Send %(id)s: %(title)s") % {"id": send.pk, "title": send.version.notice.title},
            url=reverse("send-detail", args=[send.pk]),
            icon="send",
            facts=_known(send.actor_name, send.version.notice.key),
            moment=send.created_at,
            status=send.status,
            visibility=send.visibility,
            ref=f"send:{send.pk}",
            match=Match.EXACT if send.pk == number else Match.WORDS,
        )
        for send in found
    ]
    return best_first(hits)


# --- For administrators ---------------------------------------------------------------------------


def _listed(
    name: str, label: str, found: Any, url_name: str, asked: str, hit: Callable[[Any], Hit]
) -> Group:
    """Return the best of a short list, with a link to all of it."""
    best = best_first([hit(each) for each in found[:200]])
    group = Group(name, label, best[:MOST_A_GROUP])
    if len(best) <= MOST_A_GROUP:
        return group
    words = _more(found.count(), label)
    return Group(name, label, group.hits, _page(url_name, asked), words)


def find_people(actor: Actor, asked: str) -> Group:
    def hit(person: Any) -> Hit:
        return Hit(
            title=str(person),
            url=reverse("user-detail", args=[person.pk]),
            icon="person",
            facts=_known(
                person.username,
                ", ".join(person.role_labels) or _("no role yet"),
                "" if person.is_active else _("Deactivated"),
            ),
            match=fit(asked, str(person), exact=[person.username]),
        )

    return _listed("people", _("People"), users(actor, q=asked), "user-list", asked, hit)


def find_teams(actor: Actor, asked: str) -> Group:
    def hit(team: Any) -> Hit:
        return Hit(
            title=team.name,
            url=reverse("team-detail", args=[team.pk]),
            icon="team",
            facts=_known(", ".join(team.queues)),
            match=fit(asked, team.name, *team.queues),
        )

    return _listed("teams", _("Teams"), teams(actor, q=asked), "team-list", asked, hit)


def find_api_clients(actor: Actor, asked: str) -> Group:
    def hit(client: Any) -> Hit:
        return Hit(
            title=client.name,
            url=reverse("api-client-detail", args=[client.pk]),
            icon="key",
            facts=_known(client.state.label, ", ".join(client.scopes)),
            match=fit(asked, client.name),
        )

    found = api_clients(actor, q=asked)
    return _listed("api-clients", _("API clients"), found, "api-client-list", asked, hit)


def find_chat_servers(actor: Actor, asked: str) -> Group:
    is_editor = actor.may(Permission.ADMINISTER)
    hits = [
        Hit(
            title=server.name,
            url=reverse("chat-server-edit", args=[server.name])
            if is_editor
            else reverse("chat-server-list"),
            icon="server",
            facts=_known(
                "" if server.enabled else _("Switched off"),
                _("Held") if server.held_at else "",
                server.url,
            ),
            status=server.health,
            match=fit(asked, server.name),
        )
        for server in chat_servers(actor).filter(name__icontains=asked)[:200]
    ]
    return Group("chat-servers", _("Chat Servers"), best_first(hits)[:MOST_A_GROUP])


def find_webhooks(actor: Actor, asked: str) -> Group:
    hits = [
        Hit(
            title=webhook.name,
            url=reverse("webhook-detail", args=[webhook.pk]),
            icon="webhook",
            facts=_known("" if webhook.enabled else _("Switched off"), webhook.url),
            match=fit(asked, webhook.name),
        )
        for webhook in webhooks_found(actor, asked)[:200]
    ]
    return Group("webhooks", _("Webhooks"), best_first(hits)[:MOST_A_GROUP])


KINDS = (
    Kind(_lazy("Notices"), find_notices, (Permission.VIEW_CATALOGUE,)),
    Kind(_lazy("Send it"), find_sendable, (Permission.SEND,)),
    Kind(_lazy("Live chats"), find_chats, (Permission.VIEW_INTERACTIONS,)),
    Kind(_lazy("Sends"), find_sends, (*READERS, Permission.ADMINISTER)),
    Kind(_lazy("History"), find_history, HISTORY),
    Kind(_lazy("People"), find_people, (Permission.ADMINISTER,)),
    Kind(_lazy("Teams"), find_teams, (Permission.ADMINISTER,)),
    Kind(_lazy("API clients"), find_api_clients, (Permission.ADMINISTER,)),
    Kind(
        _lazy("Chat Servers"),
        find_chat_servers,
        (Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER),
    ),
    Kind(_lazy("Webhooks"), find_webhooks, (Permission.ADMINISTER,)),
    Kind(_lazy("Visibility presets"), find_presets, (Permission.VIEW_CATALOGUE,)),
)
OFFERS = "own"
# Pages whose own search goes further than this one.
OWN_SEARCHES = (
    ("board", _lazy("On the board"), (Permission.VIEW_INTERACTIONS,)),
    ("notice-list", _lazy("In notices"), (Permission.VIEW_CATALOGUE,)),
    ("history", _lazy("In the history"), HISTORY),
)


def own_searches(actor: Actor, asked: str) -> Group:
    """Return links to the pages' own searches, whether they find anything or not.

    Only the history's own page searches its texts.
    """
    hits = [
        Hit(
            title=_("%(where)s: %(words)s") % {"where": where, "words": asked},
            url=_page(url_name, asked),
            icon="search",
            match=Match.OFFER,
        )
        for url_name, where, permissions in OWN_SEARCHES
        if any(actor.may(each) for each in permissions)
    ]
    return Group(OFFERS, _("Search a page"), hits)
