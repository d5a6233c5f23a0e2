"""Playbooks and their versions through review."""

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.accounts.selectors import team_by_name
from console.actors import Permission
from console.api.base import needs, query_filters
from console.api.serializers import incidents as serializers
from console.api.serializers.common import RejectInput
from console.api.things import ThingView, action, edits, reads
from console.incidents import selectors
from console.incidents.models import Playbook, PlaybookVersion
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services import playbooks

PLAYBOOK = {200: serializers.PlaybookOutput}
VERSION = {200: serializers.PlaybookVersionOutput}


class PlaybookView(ThingView):
    """What the views of playbooks share."""

    kind = "playbook"

    def load(self, key: str) -> Playbook:
        return selectors.playbook_get(self.actor, key)

    def show(self, playbook: Playbook) -> Any:
        return serializers.PlaybookOutput(self.load(playbook.key)).data

    def held(self, playbook: Playbook) -> QuerySet[Playbook]:
        return Playbook.objects.filter(pk=playbook.pk)


class Playbooks(PlaybookView):
    @extend_schema(summary="List playbooks", responses={200: serializers.PlaybookOutput(many=True)})
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request) -> Response:
        """Those in use first."""
        query_filters(request, ())
        rows = selectors.playbooks_visible(self.actor)
        return self.page(request, rows, serializers.PlaybookOutput)

    @extend_schema(
        summary="Write a playbook",
        request=serializers.PlaybookInput,
        responses={201: serializers.PlaybookOutput},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def post(self, request: Request) -> Response:
        """With its first version as a draft, until it is submitted."""
        given = self.read(serializers.PlaybookInput)
        self.actor.require(Permission.EDIT_CATALOGUE)  # before a refusal reveals teams
        version = playbooks.playbook_create(
            self.actor,
            key=given.pop("key"),
            title=given.pop("title"),
            team=team_by_name(team) if (team := given.pop("team", None)) else None,
            content=PlaybookContent.read(given),
        )
        return self.tagged("playbook", self.show(version.playbook), status=201)


class OnePlaybook(PlaybookView):
    get = reads("Read a playbook", Permission.VIEW_CATALOGUE, responses=PLAYBOOK)

    @edits(
        "Change one's draft of a playbook, or begin its next version",
        Permission.EDIT_CATALOGUE,
        takes=serializers.PlaybookChanges,
        responses=PLAYBOOK,
    )
    def patch(self, playbook: Playbook, **given: Any) -> None:
        """What is left out stays as in the newest version."""
        newest = selectors.playbook_versions(self.actor, playbook)[0]
        stored = PlaybookContent.of(newest)
        stages = [asdict(stage) for stage in stored.stages]
        content = {
            "audience": stored.audience,
            "stages": stages,
            "is_for_emergency": stored.is_for_emergency,
            **given,
        }
        playbooks.version_write(self.actor, playbook, PlaybookContent.read(content))


class RetirePlaybook(PlaybookView):
    @action("Retire a playbook", Permission.REVIEW_CATALOGUE, responses=PLAYBOOK)
    def post(self, playbook: Playbook) -> Playbook:
        """Nobody can start it any more. Incidents that run go on."""
        return playbooks.playbook_retire(self.actor, playbook)


class PlaybookVersionView(ThingView):
    """What the views of versions share."""

    def load(self, key: str, number: int) -> PlaybookVersion:
        return selectors.playbook_version_get(self.actor, key, number)

    def show(self, version: PlaybookVersion) -> Any:
        return serializers.PlaybookVersionOutput(version).data


class PlaybookVersions(PlaybookVersionView):
    @extend_schema(
        summary="List a playbook's versions",
        responses={200: serializers.PlaybookVersionOutput(many=True)},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request, key: str) -> Response:
        query_filters(request, ())
        playbook = selectors.playbook_get(self.actor, key)
        rows = selectors.playbook_versions(self.actor, playbook)
        return self.page(request, rows, serializers.PlaybookVersionOutput)


class SubmitPlaybook(PlaybookVersionView):
    @action("Submit a playbook for review", Permission.EDIT_CATALOGUE, responses=VERSION)
    def post(self, version: PlaybookVersion) -> PlaybookVersion:
        """From now on it is fixed, with the versions of its notices that are in effect now."""
        return playbooks.version_submit(self.actor, version)


class ApprovePlaybook(PlaybookVersionView):
    @action("Approve and publish a playbook", Permission.REVIEW_CATALOGUE, responses=VERSION)
    def post(self, version: PlaybookVersion) -> PlaybookVersion:
        """Others' versions alone: nobody approves their own."""
        return playbooks.version_approve(self.actor, version, confirmation=self.confirmation)


class RejectPlaybook(PlaybookVersionView):
    @action("Reject a playbook", Permission.REVIEW_CATALOGUE, takes=RejectInput, responses=VERSION)
    def post(self, version: PlaybookVersion, *, reason: str) -> PlaybookVersion:
        return playbooks.version_reject(self.actor, version, reason=reason)
