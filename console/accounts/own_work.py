"""Whose work something is. Nobody decides on their own work, nor on that of their API clients.

The database enforces the same for versions, presets, sends and API clients (console_person).
"""

from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from console.accounts.models import ApiClient
from console.actors import Actor


def own_refs(actor: Actor) -> list[str]:
    """Return the references of the acting person's work: their own and their API clients'."""
    if actor.client_refs is not None:
        return [actor.person_ref, *actor.client_refs]
    clients = _own_clients(actor).order_by("pk").values_list("pk", flat=True)
    return [actor.person_ref, *(f"client:{pk}" for pk in clients)]


def own_work(actor: Actor, field: str) -> Q:
    """Return the condition for the work whose `field` is one of `own_refs`, as part of a query."""
    ref = Concat(Value("client:"), Cast("pk", TextField()), output_field=TextField())
    clients = _own_clients(actor).annotate(client_ref=ref).values("client_ref")
    return Q(**{field: actor.person_ref}) | Q(**{f"{field}__in": clients})


def _own_clients(actor: Actor) -> QuerySet[ApiClient]:
    kind, _colon, key = actor.person_ref.partition(":")
    if kind != "user" or not (key.isascii() and key.isdecimal()):
        return ApiClient.objects.none()
    return ApiClient.objects.filter(owner=int(key))


def is_own(actor: Actor, ref: str) -> bool:
    """Return whether the work recorded under `ref` is that of the acting person."""
    return ref == actor.ref or ref in own_refs(actor)
