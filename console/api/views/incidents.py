"""Incidents: their start, their stages, their chats and their end."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters, require_choice
from console.api.serializers import incidents as serializers
from console.api.serializers.common import ErrorOutput
from console.api.things import ThingView, action, reads
from console.errors import InvalidInput
from console.incidents import selectors
from console.incidents.models import Incident, IncidentStatus, Stage
from console.incidents.pages.incidents import file_download
from console.incidents.playbook_content import StageContent, stage_contents
from console.incidents.services import incidents
from console.incidents.services.exporting import EXPORTERS
from console.incidents.services.stages import Choice, content_at, stage_plan
from console.incidents.shown import shown_incidents
from console.sends.plan.values import SendPlan

INCIDENT = {200: serializers.IncidentOutput}
CONTROLS = (Permission.SEND, Permission.ADMINISTER)


class IncidentView(ThingView):
    """What the views of incidents share."""

    def load(self, incident_id: int, **_of_stage: Any) -> Incident:
        return selectors.incident_get(self.actor, incident_id)

    def show(self, incident: Incident) -> Any:
        return self.shown([self.load(incident.pk)])[0]

    def shown(self, found: list[Incident]) -> Any:
        context = {"readable": selectors.may_read(self.actor)}
        rows: Any = shown_incidents(found)
        return serializers.IncidentOutput(rows, many=True, context=context).data


class Incidents(IncidentView):
    @extend_schema(
        summary="List incidents",
        parameters=[OpenApiParameter("status", str, enum=IncidentStatus.values)],
        responses={200: serializers.IncidentOutput(many=True)},
    )
    @needs(*selectors.SEERS)
    def get(self, request: Request) -> Response:
        """Running ones first, then the newest."""
        filters = query_filters(request, ["status"])
        require_choice(filters, "status", IncidentStatus.values)
        rows = selectors.incidents_visible(self.actor).filter(**filters)
        paginator = self.pagination_class()
        page = paginator.paginate_queryset(rows, request, view=self)
        return paginator.get_paginated_response(self.shown(list(page or ())))

    @extend_schema(
        summary="Start an incident",
        request=serializers.StartInput,
        responses={201: serializers.IncidentOutput},
    )
    @needs(Permission.SEND)
    def post(self, request: Request) -> Response:
        """With its first stage. While the playbook runs already the answer is 409
        `incident_running`, whose details have the `incident`: so repeating this is safe."""
        given = self.read(serializers.StartInput)
        playbook = selectors.playbook_get(self.actor, given["playbook"])
        incident = incidents.incident_start(
            self.actor,
            playbook,
            why=given["why"],
            answers=given.get("fields"),
            chosen=Choice(expected_plan=given.get("expected_plan")),
            is_emergency=given["is_emergency"],
        )
        return Response(self.show(incident), status=201)


class IncidentPreview(ConsoleView):
    @extend_schema(
        summary="See what starting an incident would do",
        request=serializers.StartPreviewInput,
        responses={200: serializers.StagePlanOutput},
    )
    @needs(Permission.SEND)
    def post(self, request: Request) -> Response:
        """The first stage, with the text for each chat. Nothing is written."""
        given = self.read(serializers.StartPreviewInput)
        playbook = selectors.playbook_get(self.actor, given["playbook"])
        version = incidents.start_version(playbook)
        plan = incidents.start_plan(
            self.actor,
            version,
            answers=given.get("fields") or {},
            is_emergency=given["is_emergency"],
        )
        return Response(_plan(self, 1, stage_contents(version)[0], plan))


def _plan(view: ConsoleView, position: int, content: StageContent, plan: SendPlan | None) -> Any:
    view.shows(target.interaction_id for target in (plan.ready if plan else ()))
    shown = {
        "position": position,
        "name": content.name,
        "is_standing": content.is_standing,
        "plan": plan,
    }
    return serializers.StagePlanOutput(shown).data


class OneIncident(IncidentView):
    get = reads("Read an incident", *selectors.SEERS, responses=INCIDENT)

    def tagged(self, kind: str, shown: Any, status: int = 200) -> Response:
        """Nobody edits it, so it has no ETag."""
        return Response(shown, status=status)


class StagePreview(IncidentView):
    @extend_schema(
        summary="See what starting a stage would do",
        request=serializers.StageStartInput,
        responses={200: serializers.StagePlanOutput},
    )
    @needs(Permission.SEND)
    def post(self, request: Request, incident_id: int, position: int) -> Response:
        """Nothing is written."""
        self.read(serializers.StageStartInput)
        incident = self.load(incident_id)
        content = content_at(incident, position)
        return Response(_plan(self, position, content, stage_plan(self.actor, incident, position)))


class StartStage(IncidentView):
    @extend_schema(
        summary="Start a stage",
        request=serializers.StageStartInput,
        responses={201: serializers.IncidentOutput},
    )
    @needs(Permission.SEND)
    def post(self, request: Request, incident_id: int, position: int) -> Response:
        """In the place of the one before, of which what still waits is called off. A stage that
        was started, or comes before one that was, is 409 `stage_started`: so repeating is safe."""
        given = self.read(serializers.StageStartInput)
        incident = self.load(incident_id)
        chosen = Choice(expected_plan=given.get("expected_plan"))
        incidents.stage_start(self.actor, incident, position, chosen=chosen)
        return Response(self.show(incident), status=201)


class PauseIncident(IncidentView):
    @action("Let the standing stage follow no new chats", *CONTROLS, responses=INCIDENT)
    def post(self, incident: Incident) -> Incident:
        """Its sends go on."""
        return _incident(incidents.stage_pause(self.actor, incident))


class ResumeIncident(IncidentView):
    @action("Let the standing stage follow new chats again", *CONTROLS, responses=INCIDENT)
    def post(self, incident: Incident) -> Incident:
        return _incident(incidents.stage_resume(self.actor, incident))


def _incident(stage: Stage) -> Incident:
    return stage.incident


class ConfirmIncident(IncidentView):
    @action("Confirm an emergency", Permission.APPROVE_SENDS, responses=INCIDENT)
    def post(self, incident: Incident) -> Incident:
        """Others' alone. What was paused for want of it goes on."""
        return incidents.incident_confirm(self.actor, incident)


class CloseIncident(IncidentView):
    @action("Close an incident", *CONTROLS, takes=serializers.CloseInput, responses=INCIDENT)
    def post(self, incident: Incident, *, word: str) -> Incident:
        """No new chat gets a text of it from now on."""
        return incidents.incident_close(self.actor, incident, word=word)


class IncidentChats(IncidentView):
    @extend_schema(
        summary="List the chats of an incident",
        parameters=[
            OpenApiParameter(
                "stage",
                {"type": "integer", "minimum": 1, "maximum": 99},
                description="The position of a stage.",
            ),
            OpenApiParameter("outcome", str, enum=selectors.OUTCOMES, description="By outcome."),
        ],
        responses={200: serializers.IncidentChatOutput(many=True)},
    )
    @needs(*selectors.SEERS)
    def get(self, request: Request, incident_id: int) -> Response:
        """Each once a stage: of sends that you may read, and of your teams."""
        filters = query_filters(request, ["stage", "outcome"])
        require_choice(filters, "outcome", selectors.OUTCOMES)
        rows = selectors.stage_targets(
            self.actor,
            self.load(incident_id),
            position=_position(filters.get("stage")),
            outcome=filters.get("outcome", ""),
        )
        return self.page(request, rows, serializers.IncidentChatOutput)


def _position(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and 0 < int(given[:3]) <= 99 and len(given) < 3):
        raise InvalidInput(
            "invalid_filter", "stage: use a whole number from 1 to 99.", {"field": "stage"}
        )
    return int(given)


class IncidentFile(IncidentView):
    @extend_schema(
        summary="Get the file of an incident",
        description="JSON Lines: each chat that was in its audience, what it got and when, or why "
        "it got nothing, with the numbers of the trail's entries. It has what you may know; "
        "`is_whole` says whether that is all. That it was made is recorded in the trail.",
        responses={
            (200, "application/x-ndjson"): OpenApiTypes.BINARY,
            "5XX": ErrorOutput,
        },
    )
    @needs(*EXPORTERS)
    def get(self, request: Request, incident_id: int) -> StreamingHttpResponse:
        query_filters(request, (), paging=())
        return file_download(request._request, self.actor, self.load(incident_id))
