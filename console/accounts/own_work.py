"""Whose work something is. Nobody decides on their own work, nor on that of their API clients.

The database enforces the same for versions, presets, sends and API clients (console_person).
"""

from console.accounts.models import ApiClient
from console.actors import Actor


def own_refs(actor: Actor) -> list[str]:
    """Return the references of the acting person's work: their own and their API clients'."""
    person = actor.person_ref
    kind, _colon, key = person.partition(":")
    if kind != "user" or not (key.isascii() and key.isdecimal()):
        return [person]
    clients = ApiClient.objects.filter(owner=int(key)).order_by("pk").values_list("pk", flat=True)
    return [person, *(f"client:{pk}" for pk in clients)]


def is_own(actor: Actor, ref: str) -> bool:
    """Return whether the work recorded under `ref` is that of the acting person."""
    return ref == actor.ref or ref in own_refs(actor)
