"""Categories and visibility presets."""

from contextlib import AbstractContextManager
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.accounts.selectors import team_by_name
from console.actors import Permission
from console.api.base import ConsoleView, needs, query_filters
from console.api.http.conditions import every, unchanged
from console.api.serializers import catalogue_order as serializers
from console.catalogue import selectors
from console.catalogue.content import categories
from console.catalogue.models import Category, VisibilityPreset
from console.catalogue.review import presets

PRESET = {200: serializers.PresetOutput}
CATEGORY = {200: serializers.CategoryOutput}


class PresetView(ConsoleView):
    """What the views of presets share."""

    def preset_output(self, preset_id: int) -> Any:
        return serializers.PresetOutput(selectors.preset_get(self.actor, preset_id)).data


class Presets(PresetView):
    @extend_schema(
        summary="List visibility presets",
        responses={200: serializers.PresetOutput(many=True)},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request) -> Response:
        query_filters(request, ())
        return self.page(request, selectors.presets(self.actor), serializers.PresetOutput)

    @extend_schema(
        summary="Propose a visibility preset",
        request=serializers.PresetInput,
        responses={201: serializers.PresetOutput},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def post(self, request: Request) -> Response:
        """Nobody can use it before somebody else approves it."""
        preset = presets.preset_create(self.actor, **self.read(serializers.PresetInput))
        return self.tagged("preset", self.preset_output(preset.pk), status=201)


class OnePreset(PresetView):
    @extend_schema(summary="Read a visibility preset", responses=PRESET)
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request, preset_id: int) -> Response:
        return self.tagged("preset", self.preset_output(preset_id))

    @extend_schema(
        summary="Propose a change of a visibility preset",
        request=serializers.PresetInput(partial=True),
        responses=PRESET,
    )
    @needs(Permission.EDIT_CATALOGUE)
    def patch(self, request: Request, preset_id: int) -> Response:
        """It stays as it is until somebody else approves; `proposed` is what waits."""
        preset = selectors.preset_get(self.actor, preset_id)
        given = self.read(serializers.PresetInput, partial=True)
        held = VisibilityPreset.objects.filter(pk=preset_id)
        with unchanged(request, "preset", held, lambda: self.preset_output(preset_id)):
            presets.preset_update(self.actor, preset, **given)
        return self.tagged("preset", self.preset_output(preset_id))


class ApprovePreset(PresetView):
    @extend_schema(
        summary="Approve what is proposed for a visibility preset",
        request=serializers.PresetApproval,
        responses=PRESET,
    )
    @needs(Permission.REVIEW_CATALOGUE)
    def post(self, request: Request, preset_id: int) -> Response:
        """Others' proposals alone."""
        preset = selectors.preset_get(self.actor, preset_id)
        presets.preset_approve(self.actor, preset, **self.read(serializers.PresetApproval))
        return Response(self.preset_output(preset_id))


class RejectPreset(PresetView):
    @extend_schema(
        summary="Reject what is proposed for a visibility preset",
        request=serializers.PresetRejection,
        responses=PRESET,
    )
    @needs(Permission.REVIEW_CATALOGUE)
    def post(self, request: Request, preset_id: int) -> Response:
        preset = selectors.preset_get(self.actor, preset_id)
        presets.preset_reject(self.actor, preset, **self.read(serializers.PresetRejection))
        return Response(self.preset_output(preset_id))


class CategoryView(ConsoleView):
    """What the views of categories share."""

    def category_output(self, category_id: int) -> Any:
        return serializers.CategoryOutput(selectors.category_get(self.actor, category_id)).data

    def unchanged_category(
        self, request: Request, category_id: int
    ) -> AbstractContextManager[None]:
        def shown() -> Any:
            return self.category_output(category_id)

        return unchanged(request, "category", every(Category), shown)

    def read_category(self, serializer: type[Any]) -> dict[str, Any]:
        """What is given, with parent and team in the places of their names."""
        given = self.read(serializer)
        self.actor.require(Permission.EDIT_CATALOGUE)  # before anybody learns of teams
        if given.get("parent"):
            given["parent"] = selectors.category_named(self.actor, given["parent"])
        if given.get("team"):
            given["team"] = team_by_name(given["team"])
        for name in {"parent", "team"} & set(given):
            given[name] = given[name] or None
        return given


class Categories(CategoryView):
    @extend_schema(
        summary="List categories",
        responses={200: serializers.CategoryOutput(many=True)},
    )
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request) -> Response:
        """The tree, from its top, by path."""
        query_filters(request, ())
        return self.page(request, selectors.categories(self.actor), serializers.CategoryOutput)

    @extend_schema(
        summary="Create a category",
        request=serializers.CategoryInput,
        responses={201: serializers.CategoryOutput},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def post(self, request: Request) -> Response:
        given = self.read_category(serializers.CategoryInput)
        category = categories.category_create(self.actor, **given)
        return self.tagged("category", self.category_output(category.pk), status=201)


class OneCategory(CategoryView):
    @extend_schema(summary="Read a category", responses=CATEGORY)
    @needs(Permission.VIEW_CATALOGUE)
    def get(self, request: Request, category_id: int) -> Response:
        return self.tagged("category", self.category_output(category_id))

    @extend_schema(
        summary="Change or move a category",
        request=serializers.CategoryChanges,
        responses=CATEGORY,
    )
    @needs(Permission.EDIT_CATALOGUE)
    def patch(self, request: Request, category_id: int) -> Response:
        """What is below it comes along."""
        category = selectors.category_get(self.actor, category_id)
        given = self.read_category(serializers.CategoryChanges)
        with self.unchanged_category(request, category_id):
            categories.category_update(self.actor, category, **given)
        return self.tagged("category", self.category_output(category_id))

    @extend_schema(
        summary="Delete an empty category",
        request=None,
        responses={204: None},
    )
    @needs(Permission.EDIT_CATALOGUE)
    def delete(self, request: Request, category_id: int) -> Response:
        category = selectors.category_get(self.actor, category_id)
        with self.unchanged_category(request, category_id):
            categories.category_delete(self.actor, category)
        return Response(status=204)
