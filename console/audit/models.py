"""The ledger: what happened, in an order that can't be changed without anyone seeing it."""

from typing import ClassVar

from django.db import models


class AuditEntry(models.Model):
    """One entry of the chain: `hash` covers the whole entry and the hash of the one before.

    Actor and target stand as text beside their ids, so that an entry outlives what it speaks of.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor_ref = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    action = models.CharField(max_length=64)
    target_kind = models.CharField(max_length=32)
    target_ref = models.CharField(max_length=128)
    target_name = models.CharField(max_length=255)
    data = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-seq"]
        verbose_name_plural = "audit entries"
        indexes: ClassVar = [
            models.Index(fields=["target_kind", "target_ref", "seq"], name="audit_target"),
            # Nearly all entries are the worker's, and nobody looks for those by their actor.
            models.Index(
                fields=["actor_ref", "seq"],
                name="audit_actor",
                condition=~models.Q(actor_ref="system:worker"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"
