"""The states of a notice, a version and a proposal, and the visibilities of a text."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Visibility(models.TextChoices):
    """Who sees a text in the session, in the terms of the wire (docs/domain.md section 3)."""

    ALL = "ALL", _("Everyone")
    INT = "INT", _("Staff only")
    VIP = "VIP", _("Supervisors only")


class NoticeClass(models.TextChoices):
    """How urgent a notice is, the most urgent first. It decides who goes first at a Chat Server,
    and which limit of the contact budget holds."""

    SAFETY = "safety", _("Safety")
    IMPORTANT = "important", _("Important")
    ROUTINE = "routine", _("Routine")


# From the widest audience to the narrowest: a sender may narrow a notice's visibility, never widen
# it.
VISIBILITY_ORDER = [Visibility.ALL, Visibility.INT, Visibility.VIP]


def is_narrower(one: str, other: str) -> bool:
    """Return whether visibility `one` reaches fewer people than `other`."""
    order = [str(visibility) for visibility in VISIBILITY_ORDER]
    return order.index(one) > order.index(other)


class NoticeStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    SCHEDULED = "scheduled", _("Scheduled")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


class VersionStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    SCHEDULED = "scheduled", _("Scheduled")
    PUBLISHED = "published", _("Published")
    REJECTED = "rejected", _("Rejected")
    SUPERSEDED = "superseded", _("Superseded")


class ChangeStatus(models.TextChoices):
    IN_REVIEW = "in_review", _("In review")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    SUPERSEDED = "superseded", _("Superseded")
