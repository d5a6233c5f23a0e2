"""Writes favourites: the notices that a person has marked."""

from console.actors import Actor, Permission
from console.catalogue.models import CannedNotice, Favourite


def favourite_set(actor: Actor, notice: CannedNotice, *, wanted: bool) -> None:
    """Add a notice to the actor's favourites or remove it. Idempotent."""
    actor.require(Permission.VIEW_CATALOGUE)
    if wanted:
        Favourite.objects.bulk_create(
            [Favourite(person_ref=actor.ref, notice=notice)], ignore_conflicts=True
        )
    else:
        Favourite.objects.filter(person_ref=actor.ref, notice=notice).delete()
