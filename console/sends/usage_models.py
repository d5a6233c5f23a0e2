"""How much the versions of notices are used."""

from django.db import models

from console.catalogue.models import NoticeVersion


class VersionUse(models.Model):
    """How often a version was ever sent, and how many of its deliveries arrived. Written with their
    entries in the ledger, so that the page of a notice need not read all its sends."""

    version = models.OneToOneField(
        NoticeVersion, primary_key=True, on_delete=models.CASCADE, related_name="use"
    )
    sends = models.PositiveBigIntegerField(default=0)
    delivered = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.sends} sends of version {self.pk}"
