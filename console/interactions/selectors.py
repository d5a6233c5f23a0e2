"""Reads of interactions and Chat Servers, filtered by what the actor may see."""

import time
from collections.abc import Collection
from datetime import timedelta
from typing import Protocol

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest, Now

from console.accounts.roles import Role
from console.actors import Actor, Permission
from console.database.clock import near_now
from console.errors import NotFound
from console.interactions.models import (
    ChatServer,
    FormerName,
    Interaction,
    InteractionPoll,
    LineVisibility,
    TranscriptLine,
)
from console.text.language_tags import each_once

PROCESS_BEGAN = time.monotonic()
# Who sees a line of a transcript on pages. It is for those whom Chat Server would show it to.
LINES_FOR = {
    LineVisibility.ALL: frozenset(Role.values),
    LineVisibility.INT: frozenset({Role.SUPERVISOR}),
    LineVisibility.VIP: frozenset({Role.SUPERVISOR}),
}


class Narrowing(Protocol):
    """Which chats: an audience, or a filter."""

    def to_condition(self, actor: Actor) -> Q: ...


def in_own_teams(actor: Actor) -> Q:
    """Return the condition for chats of the actor's teams, and those in a queue without a team."""
    if actor.sees_all_teams:
        return Q()
    return Q(team=None) | Q(team__in=actor.team_ids)


def interactions_visible(
    actor: Actor, filter: Narrowing | None = None, *, live_only: bool = True
) -> QuerySet[Interaction]:
    """Return the chats that the actor may see, longest waiting first; only live ones by default,
    and of these no test chats."""
    actor.require(Permission.VIEW_INTERACTIONS)
    found = Interaction.objects.select_related("team").filter(in_own_teams(actor))
    if live_only:
        found = found.filter(ended_at=None, is_test=False)
    if filter is not None:
        found = found.filter(filter.to_condition(actor))
    return found.order_by("received_at", "id")


def is_listed(actor: Actor, chat: Interaction) -> bool:
    """Return whether `interactions_visible` has this chat for the actor: for whoever shares one
    read of chats among many."""
    return chat.is_live and not chat.is_test and is_seen(actor, chat)


def is_seen(actor: Actor, chat: Interaction) -> bool:
    """Return whether the actor may see this chat, live or not."""
    return actor.may(Permission.VIEW_INTERACTIONS) and actor.sees_team(chat.team_id)


def chats_by_id(
    interaction_ids: Collection[str], *, with_user_data: bool = True
) -> dict[str, Interaction]:
    """Return chats, whoever may see them. The caller asks `is_seen` before anybody is shown one."""
    found = Interaction.objects.all() if with_user_data else Interaction.objects.defer("user_data")
    return found.in_bulk(list(interaction_ids))


def chats_of_customer(actor: Actor, key: str) -> QuerySet[Interaction]:
    """Return the chats of a customer that the actor may see, live or not, the newest first."""
    found = interactions_visible(actor, live_only=False).filter(customer_key=key, is_test=False)
    return found.exclude(customer_key="").order_by("-received_at", "-id")


def chats_seen(actor: Actor, interaction_ids: Collection[str]) -> set[str]:
    """Return those of these chats that the actor may see now, live or not."""
    if not actor.may(Permission.VIEW_INTERACTIONS):
        return set()
    found = interactions_visible(actor, live_only=False).filter(pk__in=list(interaction_ids))
    return set(found.order_by().values_list("pk", flat=True))


def interaction_get(actor: Actor, interaction_id: str) -> Interaction:
    """Return a chat that the actor may see. Raises NotFound."""
    found = interactions_visible(actor, live_only=False).filter(pk=interaction_id).first()
    if found is None:
        raise _not_found(interaction_id)
    return found


def require_seen(actor: Actor, chat: Interaction) -> None:
    """Refuse a chat that was read just now, and that the actor may not see. Raises NotFound."""
    if not is_seen(actor, chat):
        raise _not_found(chat.pk)


def _not_found(interaction_id: str) -> NotFound:
    return NotFound(
        "interaction_not_found", "There is no chat {interaction}.", interaction=interaction_id
    )


def chats_for_tests(actor: Actor) -> QuerySet[Interaction]:
    """Return the live test chats for those who may send tests to them or name them, oldest first.
    Editors see those of their teams, and those in a queue without a team."""
    actor.require(Permission.EDIT_CATALOGUE, Permission.ADMINISTER)
    found = Interaction.objects.select_related("team").filter(ended_at=None, is_test=True)
    return found.filter(in_own_teams(actor)).order_by("received_at", "id")


def transcript_seen(actor: Actor, interaction: Interaction) -> list[TranscriptLine]:
    """Return the kept lines of a chat that the actor sees, oldest first: what staff or supervisors
    alone see only for supervisors, and nothing for programs. Raises NotFound for a chat that the
    actor does not see."""
    require_seen(actor, interaction)
    if not settings.TRANSCRIPT_LINES or not interaction.is_live or not actor.is_person:
        return []
    shown = [audience for audience, roles in LINES_FOR.items() if roles & actor.roles]
    found = TranscriptLine.objects.filter(interaction=interaction, visibility__in=shown)
    return list(found.order_by("at", "pk"))


def filter_choices(actor: Actor) -> dict[str, list[str]]:
    """Return the distinct values of the actor's live chats for the board's filters; of several
    spellings of a language, one."""
    live = interactions_visible(actor).order_by()
    columns = {
        "queue": "queue",
        "agent": "agent",
        "chat_server": "chat_server_name",
        "locale": "locale",
    }
    found = {
        name: list(
            live.exclude(**{column: ""}).values_list(column, flat=True).distinct().order_by(column)
        )
        for name, column in columns.items()
    }
    return found | {"locale": each_once(found["locale"])}


def chat_servers(actor: Actor) -> QuerySet[ChatServer]:
    """Return all Chat Servers by name, with `live_count`, the number of their live chats."""
    actor.require(Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
    live = (
        Interaction.objects.filter(ended_at=None, is_test=False, chat_server_name=OuterRef("name"))
        .order_by()
        .values("chat_server_name")
        .annotate(n=Count("pk"))
        .values("n")
    )
    found = ChatServer.objects.prefetch_related("former_names").annotate(
        live_count=Coalesce(Subquery(live, output_field=IntegerField()), 0)
    )
    return found.order_by("name")


def chat_server_get(actor: Actor, name: str) -> ChatServer:
    """Return a Chat Server by its present name. Raises NotFound, which says if it was renamed."""
    server = chat_servers(actor).filter(name=name).first()
    if server is None and (present := present_name(name)) != name:
        raise NotFound(
            "chat_server_renamed",
            "The Chat Server {name} was renamed. It is {present} now.",
            {"name": present},
            name=name,
            present=present,
        )
    if server is None:
        raise NotFound("chat_server_not_found", "There is no Chat Server named {name}.", name=name)
    return server


def names_stay() -> None:
    """Prevent renaming of Chat Servers until the transaction ends. Call it before names are read
    that are written in the same transaction."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE interactions_formername IN ROW SHARE MODE")


def present_names() -> dict[str, str]:
    """Return the present name of each Chat Server that was renamed, by each of its former names."""
    return dict(FormerName.objects.order_by().values_list("name", "chat_server__name"))


def present_name(name: str) -> str:
    found = FormerName.objects.filter(name=name).values_list("chat_server__name", flat=True)
    return found.first() or name


def names_of_chat_server(name: str) -> list[str]:
    """Return every name that the Chat Server of this name has or had: `name` alone if there is no
    such Chat Server."""
    present = present_name(name)
    former = FormerName.objects.filter(chat_server__name=present)
    return [present, *former.values_list("name", flat=True)]


def chat_servers_enabled() -> dict[str, bool]:
    """Return whether each Chat Server is switched on, by its present and its former names."""
    former = FormerName.objects.order_by().values_list("name", "chat_server__enabled")
    present = ChatServer.objects.order_by().values_list("name", "enabled")
    return dict(present.union(former, all=True))


def unregistered_chat_servers(actor: Actor) -> list[str]:
    """Return names that live chats carry and no registered Chat Server has."""
    actor.require(Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
    known = ChatServer.objects.values("name")
    return list(
        Interaction.objects.filter(ended_at=None, is_test=False)
        .exclude(chat_server_name="")
        .exclude(chat_server_name__in=known)
        .annotate(name=F("chat_server_name"))
        .values_list("name", flat=True)
        .distinct()
        .order_by("name")
    )


def poll_state() -> InteractionPoll | None:
    """Return the poller's state; None if it never ran."""
    return InteractionPoll.objects.first()


def poll_is_late(poll: InteractionPoll | None) -> bool:
    """Return whether workers should poll, and no poll has finished for several intervals. If none
    ever has, the time counts from the first attempt or this process's start, whichever is earlier:
    each restart of a worker begins a new attempt."""
    interval = settings.POLL.interval
    if not interval:
        return False
    now = near_now()
    process_began = now - timedelta(seconds=time.monotonic() - PROCESS_BEGAN)
    began = poll.started_at if poll else None
    since = (poll.ended_at if poll else None) or min(began or process_began, process_began)
    return now - since > timedelta(seconds=max(60, 3 * interval))


def poll_is_due() -> bool:
    """Return whether the interval has passed since the last poll began or failed, by PostgreSQL's
    clock, since workers' clocks differ."""
    since = Now() - timedelta(seconds=settings.POLL.interval)
    tried_at = Greatest("started_at", "failed_at")
    return not InteractionPoll.objects.annotate(at=tried_at).filter(at__gt=since).exists()
