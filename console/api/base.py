"""What all views of the API share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from console.accounts.models import ApiClient, User
from console.actors import Actor
from console.api.pagination import Page
from console.errors import InvalidInput

PAGING = {"page", "page_size", "cursor", "format"}


class ConsoleView(APIView):
    """Knows the actor, reads input by a serializer, answers lists in pages."""

    paginator_class: type[Any] = Page

    @property
    def actor(self) -> Actor:
        return cast(User | ApiClient, self.request.user).to_actor()

    def read(self, serializer: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The checked body. Raises REST framework's ValidationError, which names the field."""
        checked = serializer(data=self.request.data)
        checked.is_valid(raise_exception=True)
        return cast(dict[str, Any], checked.validated_data)

    def page(
        self, request: Request, rows: QuerySet[Any], serializer: type[BaseSerializer[Any]]
    ) -> Response:
        """A page of `rows`. Filters were read before, or there are none."""
        paginator = self.paginator_class()
        page = paginator.paginate_queryset(rows, request, view=self)
        return cast(Response, paginator.get_paginated_response(serializer(page, many=True).data))


def query_filters(request: Request, names: Iterable[str]) -> dict[str, str]:
    """The query parameters, less those of the paging and the empty ones.

    Raises InvalidInput for one that is not among `names`, or stands there twice: a misspelt filter
    must not pass as none.
    """
    filters = {}
    for name, values in request.query_params.lists():
        if name in PAGING:
            continue
        if name not in names:
            known = ", ".join(names)
            raise InvalidInput(
                "unknown_filter",
                f"There is no filter {name}" + (f"; use {known}." if known else " here."),
            )
        if len(values) > 1 or "\0" in values[0]:
            raise InvalidInput(
                "invalid_filter", f"{name}: give it once, and without a NUL.", {"field": name}
            )
        if values[0]:
            filters[name] = values[0]
    return filters


def require_choice(filters: Mapping[str, str], name: str, choices: Sequence[str]) -> None:
    """Raise InvalidInput where the filter `name` is set to something else."""
    if name in filters and filters[name] not in choices:
        raise InvalidInput(
            "invalid_filter", f"{name}: choose {', '.join(choices)}.", {"field": name}
        )
