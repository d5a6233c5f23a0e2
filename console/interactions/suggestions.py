"""What live chats carry: values of fields, keys of user data and their values, most frequent first.

Only chats that the actor sees are read, so nobody learns of values in others. All answers are
bounded, in their length and in the number of chats that are read for them.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Func, QuerySet, TextField
from django.db.models.functions import Length

from console.accounts.models import Team
from console.actors import Actor
from console.interactions.audience.fields import UserDataText
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible

SUGGESTED_MOST = 50
CHATS_READ = 20_000
KEYS_READ = 2000
LONGEST = 100
# Fields whose values are columns, and few.
COLUMNS = {
    "queue": "queue",
    "agent": "agent",
    "language": "locale",
    "chat_server": "chat_server_name",
    "state": "state",
    "media_type": "media_type",
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value, and how many of the actor's live chats have it; or what it is called."""

    value: str
    number: int = 0
    label: str = ""


class _Keys(Func):
    function = "jsonb_object_keys"
    set_returning = True
    output_field = TextField()


def _read(actor: Actor) -> QuerySet[Interaction]:
    """Return the chats that are read: not all, if there are very many."""
    newest = interactions_visible(actor).select_related(None).order_by("-received_at", "-id")
    return Interaction.objects.filter(pk__in=newest.values("pk")[:CHATS_READ]).order_by()


def _most_frequent(chats: QuerySet[Any], value: Any, typed: str) -> list[Suggestion]:
    found = chats.annotate(value=value)
    if typed:
        found = found.filter(value__icontains=typed)
    found = found.annotate(length=Length("value")).filter(length__range=(1, LONGEST))
    counted = found.values("value").annotate(number=Count("pk")).order_by("-number", "value")
    return [Suggestion(row["value"], row["number"]) for row in counted[:SUGGESTED_MOST]]


def user_data_keys(actor: Actor, typed: str = "") -> list[Suggestion]:
    """Return keys of user data that contain what is typed."""
    counted = _read(actor).annotate(value=_Keys(F("user_data"))).values("value")
    rows = counted.annotate(number=Count("pk")).order_by("-number", "value")[:KEYS_READ]
    found = [
        Suggestion(row["value"], row["number"])
        for row in rows
        if typed.lower() in row["value"].lower() and 0 < len(row["value"]) <= LONGEST
    ]
    return found[:SUGGESTED_MOST]


def field_values(actor: Actor, name: str, key: str = "", typed: str = "") -> list[Suggestion]:
    """Return values of a field that contain what is typed; none for a field without any."""
    if name == "data" and key:
        return _most_frequent(_read(actor), UserDataText(F("user_data"), key), typed)
    if name == "team":
        seen = (
            Team.objects.all()
            if actor.sees_all_teams
            else Team.objects.filter(pk__in=actor.team_ids)
        )
        chats = _read(actor).filter(team__in=seen)
        return _most_frequent(chats, F("team__name"), typed)
    return _most_frequent(_read(actor), F(COLUMNS[name]), typed) if name in COLUMNS else []
