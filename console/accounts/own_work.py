"""Whose work something is. Nobody decides on their own, nor on that of an API client of theirs.

The database says the same of versions, presets, sends and API clients (console_person).
"""

from console.accounts.models import ApiClient
from console.actors import Actor


def own_refs(actor: Actor) -> list[str]:
    """Under which references the work of the person who acts is kept: their own, and those of all
    API clients that belong to them."""
    person = actor.person_ref
    kind, _colon, key = person.partition(":")
    if kind != "user" or not (key.isascii() and key.isdecimal()):
        return [person]
    clients = ApiClient.objects.filter(owner=int(key)).order_by("pk").values_list("pk", flat=True)
    return [person, *(f"client:{pk}" for pk in clients)]


def is_own(actor: Actor, ref: str) -> bool:
    """Whether the work that is kept under `ref` is that of the person who acts."""
    return ref == actor.ref or ref in own_refs(actor)
