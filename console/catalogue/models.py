"""Canned notices, their immutable versions, and visibility presets (docs/domain.md section 3)."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils.translation import gettext_lazy as _

from console.accounts.models import Role, Team


class Visibility(models.TextChoices):
    """Who sees a text in the session: the wire's own words (docs/domain.md section 3)."""

    ALL = "ALL", _("Everyone")
    INT = "INT", _("Staff only")
    VIP = "VIP", _("Supervisors only")


# From the widest audience to the narrowest: a sender may narrow a notice's, never widen it.
VISIBILITY_ORDER = [Visibility.ALL, Visibility.INT, Visibility.VIP]


class NoticeKind(models.TextChoices):
    MESSAGE = "message", _("Message")
    PUSH_URL = "push_url", _("Push URL")
    CUSTOM = "custom", _("Custom notice")


class NoticeStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


class VersionStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    PUBLISHED = "published", _("Published")
    REJECTED = "rejected", _("Rejected")
    SUPERSEDED = "superseded", _("Superseded")


class Category(models.Model):
    name = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class VisibilityPreset(models.Model):
    """A named visibility and nickname. With `roles` only these may choose it for a send."""

    name = models.CharField(max_length=100, unique=True)
    visibility = models.CharField(max_length=3, choices=Visibility.choices)
    nickname = models.CharField(max_length=100, blank=True)
    roles = ArrayField(
        models.CharField(max_length=20, choices=Role.choices), default=list, blank=True
    )

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(visibility__in=Visibility.values), name="preset_visibility_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CannedNoticeQuerySet(QuerySet["CannedNotice"]):
    def in_status(self, status: str) -> "CannedNoticeQuerySet":
        """Those of `with_status()` that have this status."""
        return self.filter(Q(("status", status)))

    def with_status(self) -> "CannedNoticeQuerySet":
        """Adds `status`, which follows from the versions and from `retired_at`."""

        def has(status: str) -> Exists:
            return Exists(NoticeVersion.objects.filter(notice=OuterRef("pk"), status=status))

        return self.annotate(
            status=Case(
                When(retired_at__isnull=False, then=Value(NoticeStatus.RETIRED.value)),
                When(has(VersionStatus.PUBLISHED), then=Value(NoticeStatus.PUBLISHED.value)),
                When(has(VersionStatus.IN_REVIEW), then=Value(NoticeStatus.IN_REVIEW.value)),
                default=Value(NoticeStatus.DRAFT.value),
            ),
            published_number=Subquery(
                NoticeVersion.objects.filter(
                    notice=OuterRef("pk"), status=VersionStatus.PUBLISHED
                ).values("number")[:1]
            ),
        )


class CannedNotice(models.Model):
    """A notice by its stable `key`, which workflows use. Its words are in its versions."""

    key = models.SlugField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=NoticeKind.choices)
    title = models.CharField(max_length=200)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = CannedNoticeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=NoticeKind.values), name="notice_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class NoticeVersion(models.Model):
    """The words of a notice, numbered from 1. Never changed after submission.

    `bodies` maps a locale to the text (a push URL's: the URL), a Liquid template. Author and
    reviewer stand as references and names, so that they outlive the account.
    """

    notice = models.ForeignKey(CannedNotice, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(
        max_length=10, choices=VersionStatus.choices, default=VersionStatus.DRAFT
    )
    default_locale = models.CharField(max_length=35)
    bodies = models.JSONField()
    message_type = models.CharField(max_length=100, blank=True)
    nickname = models.CharField(max_length=100, blank=True)
    preset = models.ForeignKey(VisibilityPreset, null=True, blank=True, on_delete=models.SET_NULL)
    visibility = models.CharField(max_length=3, choices=Visibility.choices, default=Visibility.ALL)
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    change_note = models.TextField(blank=True)
    author_ref = models.CharField(max_length=64)
    author_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    reviewer_ref = models.CharField(max_length=64, blank=True)
    reviewer_name = models.CharField(max_length=200, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reject_reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["notice", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["notice", "number"], name="version_number_unique"),
            models.UniqueConstraint(
                fields=["notice"],
                condition=Q(status=VersionStatus.PUBLISHED),
                name="one_published_version_a_notice",
            ),
            models.UniqueConstraint(
                fields=["notice"],
                condition=Q(status__in=[VersionStatus.DRAFT, VersionStatus.IN_REVIEW]),
                name="one_open_version_a_notice",
            ),
            models.CheckConstraint(
                condition=~Q(reviewer_ref=F("author_ref")), name="nobody_reviews_own_version"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[VersionStatus.DRAFT, VersionStatus.IN_REVIEW])
                | ~Q(reviewer_ref=""),
                name="decided_version_has_reviewer",
            ),
            models.CheckConstraint(
                condition=Q(visibility__in=Visibility.values), name="version_visibility_known"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_from__lt=F("valid_until")),
                name="version_valid_from_before_until",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice.key} v{self.number}"

    def body_for(self, locale: str) -> tuple[str, str]:
        """(locale, template) for a customer's `locale`.

        That itself, else what is left of it part by part (zh-Hant-TW, zh-Hant, zh), else the
        default.
        """
        known: dict[str, str] = {same_locale(name): name for name in self.bodies}
        parts = same_locale(locale).split("-")
        for length in range(len(parts), 0, -1):
            name = known.get("-".join(parts[:length]))
            if name is not None:
                return name, self.bodies[name]
        return self.default_locale, self.bodies[self.default_locale]


def same_locale(name: str) -> str:
    """One form for all ways to write a locale: pt_BR and pt-br are the same."""
    return name.strip().replace("_", "-").lower()
