"""Saved views of the live board."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from console.accounts.models import Team

LONGEST_WAITING_FIRST = "-waiting"


class SavedView(models.Model):
    """An audience under a name, with a sort order: a tab of the board. It is one's own, or a
    team's; the views of an owner stand in the order of `position`.

    `audience` is as JSON has it. It may have become unreadable since, as when a team was deleted.
    """

    name = models.CharField(max_length=100)
    # The actor whose own it is; "" for a team's.
    owner_ref = models.CharField(max_length=64, blank=True)
    # Hidden from the team, whose deletion takes its views along.
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    audience = models.JSONField()
    sort = models.CharField(max_length=40, default=LONGEST_WAITING_FIRST)
    position = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "saved views"
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(Q(owner_ref="") & Q(team__isnull=False))
                | (~Q(owner_ref="") & Q(team__isnull=True)),
                name="view_is_own_or_of_team",
            ),
            models.UniqueConstraint(
                fields=["owner_ref", "name"],
                condition=Q(team__isnull=True),
                name="one_own_view_a_name",
            ),
            models.UniqueConstraint(
                fields=["team", "name"],
                condition=Q(team__isnull=False),
                name="one_team_view_a_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name
