"""Canned notices, their immutable versions, and visibility presets (docs/domain.md section 3)."""

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.utils import timezone

from console.accounts.models import Team
from console.accounts.roles import Role
from console.catalogue.content.search_words import WordsField
from console.catalogue.kinds import KindTraits, traits
from console.catalogue.kinds import NoticeKind as NoticeKind
from console.catalogue.states import VISIBILITY_ORDER as VISIBILITY_ORDER
from console.catalogue.states import ChangeStatus as ChangeStatus
from console.catalogue.states import NoticeClass as NoticeClass
from console.catalogue.states import NoticeStatus as NoticeStatus
from console.catalogue.states import VersionStatus as VersionStatus
from console.catalogue.states import Visibility as Visibility
from console.catalogue.transfer.jobs.models import ImportJob as ImportJob
from console.catalogue.transfer.jobs.models import ImportStatus as ImportStatus
from console.text.language_tags import Match, best

CATEGORY_DEPTH = 5
CATEGORY_SEPARATOR = " / "


class Category(models.Model):
    """A place in the tree of notices. It belongs to everybody or to one team.

    `path` is the names from the top, `Parent / Child`, and `depth` is their number. The services
    maintain both, so the tree can be read without climbing it. Below a team's category there are
    only categories of that team.
    """

    name = models.CharField(max_length=100)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT)
    path = models.CharField(max_length=600, unique=True)
    depth = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["path"]
        verbose_name_plural = "categories"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["parent", "name"],
                nulls_distinct=False,
                name="category_name_unique_in_its_parent",
            ),
            models.CheckConstraint(
                condition=Q(depth__gte=1, depth__lte=CATEGORY_DEPTH), name="category_not_too_deep"
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="category_not_in_itself"),
        ]

    def __str__(self) -> str:
        return self.path


class VisibilityPreset(models.Model):
    """A named visibility and nickname. If `roles` is not empty, only these roles may choose it.

    One person proposes its content and another approves it (PresetChange): the database refuses any
    other change. Nobody can use it before its first approval.
    """

    name = models.CharField(max_length=100, unique=True)
    visibility = models.CharField(max_length=3, choices=Visibility.choices)
    nickname = models.CharField(max_length=100, blank=True)
    roles = ArrayField(
        models.CharField(max_length=20, choices=Role.choices), default=list, blank=True
    )
    is_approved = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(visibility__in=Visibility.values), name="preset_visibility_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PresetChange(models.Model):
    """The complete proposed content of a preset. Never changed; a later proposal supersedes it."""

    preset = models.ForeignKey(VisibilityPreset, on_delete=models.CASCADE, related_name="changes")
    status = models.CharField(
        max_length=10, choices=ChangeStatus.choices, default=ChangeStatus.IN_REVIEW
    )
    name = models.CharField(max_length=100)
    visibility = models.CharField(max_length=3, choices=Visibility.choices)
    nickname = models.CharField(max_length=100, blank=True)
    roles = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    author_ref = models.CharField(max_length=64)
    author_name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    reviewer_ref = models.CharField(max_length=64, blank=True)
    reviewer_name = models.CharField(max_length=200, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reject_reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["preset"],
                condition=Q(status=ChangeStatus.IN_REVIEW),
                name="one_open_change_a_preset",
            ),
            models.CheckConstraint(
                condition=~Q(reviewer_ref=F("author_ref")), name="nobody_reviews_own_change"
            ),
            models.CheckConstraint(
                condition=Q(status__in=[ChangeStatus.IN_REVIEW, ChangeStatus.SUPERSEDED])
                | ~Q(reviewer_ref=""),
                name="decided_change_has_reviewer",
            ),
            models.CheckConstraint(
                condition=Q(visibility__in=Visibility.values), name="change_visibility_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} by {self.author_name}"


def in_effect(now: datetime) -> Q:
    """Return the condition for versions that are published, or scheduled and due.

    A due version counts even before a worker publishes it. If a notice has both, the scheduled one
    counts, since it is about to replace the other.
    """
    return Q(status=VersionStatus.PUBLISHED) | _is_due(now)


def _is_due(now: datetime) -> Q:
    return Q(status=VersionStatus.SCHEDULED, valid_from__lte=now)


class NoticeVersionQuerySet(QuerySet["NoticeVersion"]):
    def due(self, now: datetime) -> "NoticeVersionQuerySet":
        """Return the scheduled versions whose time has come."""
        return self.filter(_is_due(now))

    def in_effect(self, now: datetime) -> "NoticeVersionQuerySet":
        """Return the versions in effect at this moment, at most one of each notice."""
        later = NoticeVersion.objects.due(now).filter(notice=OuterRef("notice"))
        return self.filter(in_effect(now), ~Q(status=VersionStatus.PUBLISHED) | ~Exists(later))


class CannedNoticeQuerySet(QuerySet["CannedNotice"]):
    def in_status(self, status: str) -> "CannedNoticeQuerySet":
        """Return the notices in this status.

        This does not evaluate the status of each notice: few notices are in most statuses, and
        PostgreSQL finds these through the indexes of their versions.
        """
        if status == NoticeStatus.RETIRED:
            return self.filter(retired_at__isnull=False)
        now = timezone.now()
        found = self.filter(retired_at=None)
        for earlier, condition in _STATUS_ORDER:
            those = NoticeVersion.objects.filter(condition(now)).values("notice")
            if earlier == status:
                return found.filter(pk__in=those)
            found = found.exclude(pk__in=those)
        return found

    def with_status(self) -> "CannedNoticeQuerySet":
        """Add `status`, which follows from the versions and from `retired_at`.

        Also add `published_number` and `published_until` of the version in effect; both are None if
        there is none.
        """
        now = timezone.now()
        its_own = NoticeVersion.objects.filter(notice=OuterRef("pk"))
        # Of the two that may be in effect, the scheduled one comes first.
        current = its_own.filter(in_effect(now)).order_by("-status")
        return self.annotate(
            status=Case(
                When(retired_at__isnull=False, then=Value(NoticeStatus.RETIRED.value)),
                *(
                    When(Exists(its_own.filter(condition(now))), then=Value(status.value))
                    for status, condition in _STATUS_ORDER
                ),
                default=Value(NoticeStatus.DRAFT.value),
            ),
            published_number=Subquery(current.values("number")[:1]),
            published_until=Subquery(current.values("valid_until")[:1]),
        )


# A notice has the first of these statuses whose condition one of its versions meets.
_STATUS_ORDER = [
    (NoticeStatus.PUBLISHED, in_effect),
    (NoticeStatus.SCHEDULED, lambda _now: Q(status=VersionStatus.SCHEDULED)),
    (NoticeStatus.IN_REVIEW, lambda _now: Q(status=VersionStatus.IN_REVIEW)),
]


class CannedNotice(models.Model):
    """A notice by its stable `key`, which workflows use. Its texts are in its versions."""

    key = models.SlugField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=NoticeKind.choices)
    title = models.CharField(max_length=200)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    shortcut = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = CannedNoticeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind__in=NoticeKind.values), name="notice_kind_known"
            ),
            models.UniqueConstraint(
                fields=["shortcut"],
                condition=Q(retired_at=None) & ~Q(shortcut=""),
                name="shortcut_unique_in_use",
            ),
        ]
        indexes: ClassVar = [GinIndex(fields=["tags"], name="notice_by_tag")]

    def __str__(self) -> str:
        return self.key

    @property
    def traits(self) -> KindTraits:
        return traits(self.kind)


class NoticeWords(models.Model):
    """The search index of a notice, maintained by the services.

    `names` covers its key, title, shortcut and tags; `words` covers these and all texts of its
    newest version and of the versions in use.
    """

    notice = models.OneToOneField(
        CannedNotice, primary_key=True, on_delete=models.CASCADE, related_name="words"
    )
    names = WordsField()
    words = WordsField()

    class Meta:
        verbose_name_plural = "notice words"
        indexes: ClassVar = [
            GinIndex(fields=["names"], name="notice_by_names", fastupdate=False),
            GinIndex(fields=["words"], name="notice_by_words", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"words of notice {self.pk}"


class Favourite(models.Model):
    """A notice that a person has marked as a favourite."""

    person_ref = models.CharField(max_length=64)
    notice = models.ForeignKey(CannedNotice, on_delete=models.CASCADE, related_name="favourites")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person_ref", "notice"], name="favourite_once"),
        ]

    def __str__(self) -> str:
        return f"favourite of {self.person_ref}"


class NoticeVersion(models.Model):
    """The content of a notice, numbered from 1. Never changed after submission.

    `bodies` maps a locale to the text, a Liquid template; a push URL's text is the URL. `fields`
    are the questions to the sender (console.catalogue.content.questions). `snippets` maps the key
    of each snippet in the texts to the number of its version: that version was reviewed, and it is
    sent even if another is published later. Submission sets `snippets`; a draft has none.
    `new_title` and `new_shortcut` become the notice's once the version is published; "" changes
    nothing. Author and reviewer are stored as references and names, so that they outlive the
    account.
    """

    notice = models.ForeignKey(CannedNotice, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(
        max_length=10, choices=VersionStatus.choices, default=VersionStatus.DRAFT
    )
    default_locale = models.CharField(max_length=35)
    bodies = models.JSONField()
    fields = models.JSONField(default=list, blank=True)
    snippets = models.JSONField(default=dict, blank=True)
    new_title = models.CharField(max_length=200, blank=True, db_default="")
    new_shortcut = models.CharField(max_length=40, blank=True, db_default="")
    message_type = models.CharField(max_length=100, blank=True)
    nickname = models.CharField(max_length=100, blank=True)
    preset = models.ForeignKey(VisibilityPreset, null=True, blank=True, on_delete=models.SET_NULL)
    visibility = models.CharField(max_length=3, choices=Visibility.choices, default=Visibility.ALL)
    notice_class = models.CharField(
        max_length=10,
        choices=NoticeClass.choices,
        default=NoticeClass.ROUTINE,
        db_default=NoticeClass.ROUTINE,
    )
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

    objects = NoticeVersionQuerySet.as_manager()

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
            models.UniqueConstraint(
                fields=["notice"],
                condition=Q(status=VersionStatus.SCHEDULED),
                name="one_scheduled_version_a_notice",
            ),
            models.CheckConstraint(
                condition=~Q(status=VersionStatus.SCHEDULED) | Q(valid_from__isnull=False),
                name="scheduled_version_has_its_time",
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
                condition=Q(notice_class__in=NoticeClass.values), name="version_class_known"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_from__lt=F("valid_until")),
                name="version_valid_from_before_until",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["status", "notice"],
                condition=Q(
                    status__in=[
                        VersionStatus.DRAFT,
                        VersionStatus.IN_REVIEW,
                        VersionStatus.SCHEDULED,
                    ]
                ),
                name="version_not_over",
            ),
            models.Index(
                fields=["valid_until"],
                condition=Q(status=VersionStatus.PUBLISHED, valid_until__isnull=False),
                name="version_that_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice.key} v{self.number}"

    def match_for(self, locale: str) -> Match:
        """Return the text for a customer with this `locale`, and whether it is in their own
        language (console.text.language_tags)."""
        return best(locale, tuple(self.bodies), self.default_locale)

    def body_for(self, locale: str) -> tuple[str, str]:
        """Return (locale, template) for a customer's `locale`."""
        chosen = self.match_for(locale).locale
        return chosen, self.bodies[chosen]
