"""The locks of the contact budget."""

from django.db import models


class Contact(models.Model):
    """A chat to which a drain is sending under a limit of the contact budget.

    A claim writes the row, and so locks the chat until it commits: two drains that claim for the
    same chat see each other's deliveries (console.sends.engine.claim_budget). Of no use afterwards.
    """

    interaction_id = models.CharField(max_length=64, primary_key=True, db_collation="C")
    locked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"contact of {self.interaction_id}"
