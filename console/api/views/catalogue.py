"""Notices, their versions through review, and presets."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.accounts.selectors import team_by_name
from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters, require_choice
from console.api.http.conditions import unchanged
from console.api.serializers import common
from console.catalogue import selectors, usage
from console.catalogue.content import favourites, notices, versions
from console.catalogue.content.version_content import VersionContent
from console.catalogue.models import CannedNotice, NoticeKind, NoticeStatus, NoticeVersion
from console.errors import InvalidInput

ERROR = common.ErrorOutput
NOTICE = {200: common.NoticeOutput}
VERSION = {200: common.VersionOutput}
FILTERS = ("q", "status", "kind", "category", "tag", "show", "days")
DAYS = 30  # of the most used and the never used
DAYS_LIMIT = 3650


class NoticeView(ConsoleView):
    """What the views of notices share."""

    def notice_output(self, key: str) -> Any:
        return common.NoticeOutput(selectors.notice_get(self.actor, key)).data

    def version(self, key: str, number: int) -> NoticeVersion:
        notice = selectors.notice_get(self.actor, key)
        return selectors.version_get(self.actor, notice, number)

    def version_output(self, key: str, number: int) -> Any:
        return common.VersionOutput(self.version(key, number)).data

    def with_preset(self, given: dict[str, Any]) -> dict[str, Any]:
        """What is given for a version, with the preset in the place of its name."""
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
        self.actor.require(Permission.EDIT_CATALOGUE)  # before anybody learns of teams
        given["team"] = team_by_name(given["team"]) if given.get("team") else None
        notice = notices.notice_create(self.actor, **given)
        return self.tagged("notice", self.notice_output(notice.key), status=201)


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
    @extend_schema(summary="Read a notice", responses=NOTICE)
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request, key: str) -> Response:
        return self.tagged("notice", self.notice_output(key))

    @extend_schema(summary="Change a notice", request=common.NoticeChanges, responses=NOTICE)
    @needs(Permission.EDIT_CATALOGUE)
    def patch(self, request: Request, key: str) -> Response:
        """Its title, category, team, tags or shortcut; key and kind are for ever."""
        notice = selectors.notice_get(self.actor, key)
        given = self.read(common.NoticeChanges)
        self.actor.require(Permission.EDIT_CATALOGUE)
        if "team" in given:
            given["team"] = team_by_name(given["team"]) if given["team"] else None
        # Null takes it away.
        given |= {name: given[name] or "" for name in ("category", "shortcut") if name in given}
        held = CannedNotice.objects.filter(pk=notice.pk)
        with unchanged(request, "notice", held, lambda: self.notice_output(key)):
            notices.notice_update(self.actor, notice, **given)
        return self.tagged("notice", self.notice_output(key))


class RetireNotice(NoticeView):
    @extend_schema(summary="Retire a notice", request=None, responses=NOTICE)
    @needs(Permission.REVIEW_CATALOGUE)
    def post(self, request: Request, key: str) -> Response:
        notices.notice_retire(self.actor, selectors.notice_get(self.actor, key))
        return Response(self.notice_output(key))


class RestoreNotice(NoticeView):
    @extend_schema(summary="Bring back a retired notice", request=None, responses=NOTICE)
    @needs(Permission.REVIEW_CATALOGUE)
    def post(self, request: Request, key: str) -> Response:
        notices.notice_restore(self.actor, selectors.notice_get(self.actor, key))
        return Response(self.notice_output(key))


class FavouriteNotice(NoticeView):
    """Of whoever calls; twice is once."""

    @extend_schema(summary="Make a notice a favourite", request=None, responses={204: None})
    @needs(Permission.VIEW_CATALOGUE)
    def put(self, request: Request, key: str) -> Response:
        favourites.favourite_set(self.actor, selectors.notice_get(self.actor, key), wanted=True)
        return Response(status=204)

    @extend_schema(
        summary="Take a notice from the favourites",
        request=None,
        responses={204: None},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def delete(self, request: Request, key: str) -> Response:
        favourites.favourite_set(self.actor, selectors.notice_get(self.actor, key), wanted=False)
        return Response(status=204)


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


class Versions(NoticeView):
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
        given = self.with_preset(self.read(common.VersionInput))
        expected = given.pop("expected", None)
        content = VersionContent(**given)
        version = versions.version_create(self.actor, notice, content, expected=expected)
        return self.tagged("version", common.VersionOutput(version).data, status=201)


class OneVersion(NoticeView):
    @extend_schema(summary="Read a version", responses=VERSION)
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request, key: str, number: int) -> Response:
        return self.tagged("version", self.version_output(key, number))

    @extend_schema(
        summary="Change a draft",
        request=common.VersionInput(partial=True),
        responses=VERSION,
    )
    @needs(Permission.EDIT_CATALOGUE)
    def patch(self, request: Request, key: str, number: int) -> Response:
        """By its author, until it is submitted."""
        version = self.version(key, number)
        given = self.with_preset(self.read(common.VersionInput, partial=True))
        held = CannedNotice.objects.filter(pk=version.notice_id)
        with unchanged(request, "version", held, lambda: self.version_output(key, number)):
            expected = given.pop("expected", None)
            versions.version_update(self.actor, version, given, expected=expected)
        return self.tagged("version", common.VersionOutput(version).data)


class SubmitVersion(NoticeView):
    @extend_schema(summary="Submit a version for review", request=None, responses=VERSION)
    @needs(Permission.EDIT_CATALOGUE)
    def post(self, request: Request, key: str, number: int) -> Response:
        version = versions.version_submit(self.actor, self.version(key, number))
        return Response(common.VersionOutput(version).data)


class ApproveVersion(NoticeView):
    @extend_schema(summary="Approve and publish a version", request=None, responses=VERSION)
    @needs(Permission.REVIEW_CATALOGUE)
    def post(self, request: Request, key: str, number: int) -> Response:
        """Others' versions alone: nobody approves their own."""
        version = versions.version_approve(self.actor, self.version(key, number))
        return Response(common.VersionOutput(version).data)


class RejectVersion(NoticeView):
    @extend_schema(summary="Reject a version", request=common.RejectInput, responses=VERSION)
    @needs(Permission.REVIEW_CATALOGUE)
    def post(self, request: Request, key: str, number: int) -> Response:
        reason = self.read(common.RejectInput)["reason"]
        version = versions.version_reject(self.actor, self.version(key, number), reason=reason)
        return Response(common.VersionOutput(version).data)
