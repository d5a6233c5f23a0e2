"""Notices, their versions through review, and presets."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.accounts.selectors import team_by_name
from console.actors import Permission
from console.api.base import needs, query_filters, require_choice
from console.api.serializers import common
from console.api.things import Serializer, ThingView, action, edits, reads
from console.catalogue import selectors, usage
from console.catalogue.content import favourites, notices, versions
from console.catalogue.content.version_content import VersionContent
from console.catalogue.models import CannedNotice, NoticeKind, NoticeStatus, NoticeVersion
from console.errors import InvalidInput

ERROR = common.ErrorOutput
NOTICE = {200: common.NoticeOutput}
VERSION = {200: common.VersionOutput}
FILTERS = ("q", "status", "kind", "category", "tag", "show", "days")
DAYS = 30  # period for the most used and the never used
DAYS_LIMIT = 3650


class NoticeView(ThingView):
    """What the views of notices share."""

    kind = "notice"

    def load(self, key: str) -> CannedNotice:
        return selectors.notice_get(self.actor, key)

    def show(self, notice: CannedNotice) -> Any:
        return common.NoticeOutput(selectors.notice_get(self.actor, notice.key)).data

    def held(self, notice: CannedNotice) -> QuerySet[CannedNotice]:
        return CannedNotice.objects.filter(pk=notice.pk)


class VersionView(ThingView):
    """What the views of versions share."""

    kind = "version"

    def load(self, key: str, number: int) -> NoticeVersion:
        notice = selectors.notice_get(self.actor, key)
        return selectors.version_get(self.actor, notice, number)

    def show(self, version: NoticeVersion) -> Any:
        return common.VersionOutput(version).data

    def held(self, version: NoticeVersion) -> QuerySet[CannedNotice]:
        return CannedNotice.objects.filter(pk=version.notice_id)

    def given(self, takes: Serializer, *, partial: bool = False) -> dict[str, Any]:
        """With the preset in the place of its name."""
        given = super().given(takes, partial=partial)
        if given.get("preset"):
            given["preset"] = selectors.preset_named(self.actor, given["preset"])
        else:
            given.pop("preset", None)
        return given


class Notices(NoticeView):
    @extend_schema(
        summary="List notices",
        parameters=[
            OpenApiParameter(
                "q",
                str,
                description="Words, or their beginnings, of a key, a title, a tag, a shortcut or "
                "a text in any language; the best come first.",
            ),
            OpenApiParameter("status", str, enum=NoticeStatus.values),
            OpenApiParameter("kind", str, enum=NoticeKind.values),
            OpenApiParameter("category", str, description="A path; with all that is below."),
            OpenApiParameter("tag", str),
            OpenApiParameter(
                "show",
                str,
                enum=usage.SHOWN,
                description="Your favourites, what you sent last, the most used, those that could "
                "be sent and were not, or those whose words end within two weeks; in that order.",
            ),
            OpenApiParameter(
                "days",
                {"type": "integer", "minimum": 1, "maximum": DAYS_LIMIT, "default": DAYS},
                description="How far back use is counted.",
            ),
        ],
        responses={200: common.NoticeOutput(many=True)},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request) -> Response:
        filters = query_filters(request, FILTERS)
        require_choice(filters, "status", NoticeStatus.values)
        require_choice(filters, "kind", NoticeKind.values)
        require_choice(filters, "show", usage.SHOWN)
        show, days = filters.pop("show", ""), _days(filters.pop("days", str(DAYS)))
        found = selectors.notices(self.actor, **filters)
        shown = usage.shown(self.actor, found, show, days=days)
        return self.page(request, shown, common.NoticeOutput)

    @extend_schema(
        summary="Create a notice",
        request=common.NoticeInput,
        responses={201: common.NoticeOutput},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def post(self, request: Request) -> Response:
        """Its words come with a version."""
        given = self.read(common.NoticeInput)
        self.actor.require(Permission.EDIT_CATALOGUE)  # before a refusal reveals teams
        given["team"] = team_by_name(given["team"]) if given.get("team") else None
        notice = notices.notice_create(self.actor, **given)
        return self.tagged("notice", self.show(notice), status=201)


def _days(given: str) -> int:
    if not (given.isascii() and given.isdecimal() and 0 < int(given[:9]) <= DAYS_LIMIT):
        raise InvalidInput(
            "invalid_filter",
            "days: use a whole number from 1 to {limit}.",
            {"field": "days"},
            limit=DAYS_LIMIT,
        )
    return int(given)


class OneNotice(NoticeView):
    get = reads("Read a notice", Permission.VIEW_CATALOGUE, responses=NOTICE)

    @edits(
        "Change a notice", Permission.EDIT_CATALOGUE, takes=common.NoticeChanges, responses=NOTICE
    )
    def patch(self, notice: CannedNotice, **given: Any) -> None:
        """Its title, category, team, tags or shortcut; key and kind are for ever."""
        notices.notice_update(self.actor, notice, **given)

    def given(self, takes: Serializer, *, partial: bool = False) -> dict[str, Any]:
        given = super().given(takes, partial=partial)
        self.actor.require(Permission.EDIT_CATALOGUE)  # before a refusal reveals teams
        if "team" in given:
            given["team"] = team_by_name(given["team"]) if given["team"] else None
        # Null removes the value.
        return given | {
            name: given[name] or "" for name in ("category", "shortcut") if name in given
        }


class RetireNotice(NoticeView):
    @action("Retire a notice", Permission.REVIEW_CATALOGUE, responses=NOTICE)
    def post(self, notice: CannedNotice) -> CannedNotice:
        return notices.notice_retire(self.actor, notice)


class RestoreNotice(NoticeView):
    @action("Bring back a retired notice", Permission.REVIEW_CATALOGUE, responses=NOTICE)
    def post(self, notice: CannedNotice) -> CannedNotice:
        return notices.notice_restore(self.actor, notice)


class FavouriteNotice(NoticeView):
    """Of whoever calls; twice is once."""

    @action("Make a notice a favourite", Permission.VIEW_CATALOGUE, responses={204: None})
    def put(self, notice: CannedNotice) -> None:
        favourites.favourite_set(self.actor, notice, wanted=True)

    @action("Take a notice from the favourites", Permission.VIEW_CATALOGUE, responses={204: None})
    def delete(self, notice: CannedNotice) -> None:
        favourites.favourite_set(self.actor, notice, wanted=False)


class NoticeUsage(NoticeView):
    @extend_schema(
        summary="Read how often each version was sent",
        responses={200: common.NoticeUseOutput},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request, key: str) -> Response:
        """Of all time; a version that was never sent is not there."""
        query_filters(request, (), paging=())
        uses = usage.version_uses(self.actor, selectors.notice_get(self.actor, key))
        rows = [
            {"version": number, "sends": use.sends, "delivered": use.delivered}
            for number, use in sorted(uses.items())
            if use.sends
        ]
        return Response(common.NoticeUseOutput({"versions": rows}).data)


class Versions(VersionView):
    @extend_schema(
        summary="List a notice's versions",
        responses={200: common.VersionOutput(many=True)},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request, key: str) -> Response:
        query_filters(request, ())
        notice = selectors.notice_get(self.actor, key)
        rows = selectors.versions(self.actor, notice)
        return self.page(request, rows, common.VersionOutput)

    @extend_schema(
        summary="Write a notice's next version",
        request=common.VersionInput,
        responses={201: common.VersionOutput},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def post(self, request: Request, key: str) -> Response:
        """A draft, until it is submitted."""
        notice = selectors.notice_get(self.actor, key)
        given = self.given(common.VersionInput)
        expected = given.pop("expected", None)
        content = VersionContent(**given)
        version = versions.version_create(self.actor, notice, content, expected=expected)
        return self.tagged("version", self.show(version), status=201)


class OneVersion(VersionView):
    get = reads("Read a version", Permission.VIEW_CATALOGUE, responses=VERSION)

    @edits(
        "Change a draft",
        Permission.EDIT_CATALOGUE,
        takes=common.VersionInput,
        partial=True,
        responses=VERSION,
    )
    def patch(self, version: NoticeVersion, *, expected: str | None = None, **changes: Any) -> None:
        """By its author, until it is submitted."""
        versions.version_update(self.actor, version, changes, expected=expected)


class SubmitVersion(VersionView):
    @action("Submit a version for review", Permission.EDIT_CATALOGUE, responses=VERSION)
    def post(self, version: NoticeVersion) -> NoticeVersion:
        return versions.version_submit(self.actor, version)


class ApproveVersion(VersionView):
    @action("Approve and publish a version", Permission.REVIEW_CATALOGUE, responses=VERSION)
    def post(self, version: NoticeVersion) -> NoticeVersion:
        """Others' versions alone: nobody approves their own."""
        return versions.version_approve(self.actor, version, confirmation=self.confirmation)


class RejectVersion(VersionView):
    @action(
        "Reject a version",
        Permission.REVIEW_CATALOGUE,
        takes=common.RejectInput,
        responses=VERSION,
    )
    def post(self, version: NoticeVersion, *, reason: str) -> NoticeVersion:
        return versions.version_reject(self.actor, version, reason=reason)
