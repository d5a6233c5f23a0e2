"""Saved audiences: the views of the board."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.actors import Permission
from console.api.base import needs, query_filters
from console.api.serializers.audiences import (
    SavedAudienceChanges,
    SavedAudienceInput,
    SavedAudienceOutput,
)
from console.api.things import Serializer, ThingView, edits, reads
from console.errors import NotFound
from console.interactions import saved_views, services
from console.interactions.audience.audience import Audience
from console.interactions.models import SavedView
from console.interactions.services.saved_views import beside

ANSWERS = {200: SavedAudienceOutput}


class AudienceView(ThingView):
    """What the views of saved audiences share."""

    kind = "audience"

    def load(self, audience_id: int) -> SavedView:
        return saved_views.saved_view_get(self.actor, audience_id)

    def show(self, view: SavedView) -> Any:
        return SavedAudienceOutput(saved_views.saved_view_get(self.actor, view.pk)).data

    def held(self, view: SavedView) -> QuerySet[SavedView]:
        return beside(view)

    def given(self, takes: Serializer, *, partial: bool = False) -> dict[str, Any]:
        """With audience and team read."""
        given = super().given(takes, partial=partial)
        if "audience" in given:
            given["audience"] = Audience.from_mapping(given["audience"])
        if "team" in given:
            name = given["team"]
            given["team"] = saved_views.teams_of_views(self.actor).filter(name=name).first()
            if given["team"] is None:
                raise NotFound(
                    "team_not_found",
                    "There is no team named {name} whose views you may save.",
                    {"field": "team"},
                    name=name,
                )
        return given


class Audiences(AudienceView):
    @extend_schema(
        summary="List saved audiences",
        responses={200: SavedAudienceOutput(many=True)},
    )
    @needs(Permission.VIEW_INTERACTIONS)
    def get(self, request: Request) -> Response:
        """Your own, then those of your teams, each in their order. Give one's `audience` to a send
        as it is."""
        query_filters(request, ())
        return self.page(request, saved_views.saved_views(self.actor), SavedAudienceOutput)

    @extend_schema(
        summary="Save an audience",
        request=SavedAudienceInput,
        responses={201: SavedAudienceOutput},
    )
    @needs(Permission.VIEW_INTERACTIONS)
    def post(self, request: Request) -> Response:
        """It becomes a tab of the board. A team's takes the permission to send."""
        view = services.saved_view_create(self.actor, **self.given(SavedAudienceInput))
        return self.tagged("audience", self.show(view), status=201)


class OneAudience(AudienceView):
    get = reads("Read a saved audience", Permission.VIEW_INTERACTIONS, responses=ANSWERS)

    @edits(
        "Change or move a saved audience",
        Permission.VIEW_INTERACTIONS,
        takes=SavedAudienceChanges,
        responses=ANSWERS,
    )
    def patch(self, view: SavedView, **given: Any) -> None:
        services.saved_view_update(self.actor, view, **given)

    @edits(
        "Delete a saved audience",
        Permission.VIEW_INTERACTIONS,
        takes=None,
        responses={204: None},
    )
    def delete(self, view: SavedView) -> None:
        services.saved_view_delete(self.actor, view)
