"""Categories and visibility presets."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from console.accounts.selectors import team_by_name
from console.actors import Permission
from console.api.base import needs, query_filters
from console.api.http.conditions import every
from console.api.serializers import catalogue_order as serializers
from console.api.things import Serializer, ThingView, action, edits, reads
from console.catalogue import selectors
from console.catalogue.content import categories
from console.catalogue.models import Category, VisibilityPreset
from console.catalogue.review import presets

PRESET = {200: serializers.PresetOutput}
CATEGORY = {200: serializers.CategoryOutput}


class PresetView(ThingView):
    """What the views of presets share."""

    kind = "preset"

    def load(self, preset_id: int) -> VisibilityPreset:
        return selectors.preset_get(self.actor, preset_id)

    def show(self, preset: VisibilityPreset) -> Any:
        return serializers.PresetOutput(selectors.preset_get(self.actor, preset.pk)).data

    def held(self, preset: VisibilityPreset) -> QuerySet[VisibilityPreset]:
        return VisibilityPreset.objects.filter(pk=preset.pk)


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
        return self.tagged("preset", self.show(preset), status=201)


class OnePreset(PresetView):
    get = reads("Read a visibility preset", Permission.VIEW_CATALOGUE, responses=PRESET)

    @edits(
        "Propose a change of a visibility preset",
        Permission.EDIT_CATALOGUE,
        takes=serializers.PresetInput,
        partial=True,
        responses=PRESET,
    )
    def patch(self, preset: VisibilityPreset, **given: Any) -> None:
        """It stays as it is until somebody else approves; `proposed` is what waits."""
        presets.preset_update(self.actor, preset, **given)


class ApprovePreset(PresetView):
    @action(
        "Approve what is proposed for a visibility preset",
        Permission.REVIEW_CATALOGUE,
        takes=serializers.PresetApproval,
        responses=PRESET,
    )
    def post(self, preset: VisibilityPreset, *, change: int) -> VisibilityPreset:
        """Others' proposals alone."""
        return presets.preset_approve(
            self.actor, preset, change=change, confirmation=self.confirmation
        )


class RejectPreset(PresetView):
    @action(
        "Reject what is proposed for a visibility preset",
        Permission.REVIEW_CATALOGUE,
        takes=serializers.PresetRejection,
        responses=PRESET,
    )
    def post(self, preset: VisibilityPreset, *, change: int, reason: str) -> VisibilityPreset:
        return presets.preset_reject(self.actor, preset, change=change, reason=reason)


class CategoryView(ThingView):
    """What the views of categories share."""

    kind = "category"

    def load(self, category_id: int) -> Category:
        return selectors.category_get(self.actor, category_id)

    def show(self, category: Category) -> Any:
        return serializers.CategoryOutput(selectors.category_get(self.actor, category.pk)).data

    def held(self, category: Category) -> QuerySet[Category]:
        return every(Category)

    def given(self, takes: Serializer, *, partial: bool = False) -> dict[str, Any]:
        """With parent and team in the places of their names."""
        given = super().given(takes, partial=partial)
        self.actor.require(Permission.EDIT_CATALOGUE)  # before a refusal reveals teams
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
        given = self.given(serializers.CategoryInput)
        category = categories.category_create(self.actor, **given)
        return self.tagged("category", self.show(category), status=201)


class OneCategory(CategoryView):
    get = reads("Read a category", Permission.VIEW_CATALOGUE, responses=CATEGORY)

    @edits(
        "Change or move a category",
        Permission.EDIT_CATALOGUE,
        takes=serializers.CategoryChanges,
        responses=CATEGORY,
    )
    def patch(self, category: Category, **given: Any) -> None:
        """What is below it comes along."""
        categories.category_update(self.actor, category, **given)

    @edits("Delete an empty category", Permission.EDIT_CATALOGUE, takes=None, responses={204: None})
    def delete(self, category: Category) -> None:
        categories.category_delete(self.actor, category)
