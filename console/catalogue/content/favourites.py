"""Writes favourites: the notices that a person wants at hand."""

from console.actors import Actor, Permission
from console.catalogue.models import CannedNotice, Favourite


def favourite_set(actor: Actor, notice: CannedNotice, *, wanted: bool) -> None:
    """Make a notice one of the actor's favourites, or none any more; twice is once."""
    actor.require(Permission.VIEW_CATALOGUE)
    if wanted:
        Favourite.objects.bulk_create(
            [Favourite(person_ref=actor.ref, notice=notice)], ignore_conflicts=True
        )
    else:
        Favourite.objects.filter(person_ref=actor.ref, notice=notice).delete()
