"""The base of all views of the API."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from console.accounts.approvals.asking import session_grade
from console.accounts.approvals.stating import Confirmation
from console.accounts.models import ApiClient, User
from console.actors import Actor, Permission
from console.api.http.conditions import etag
from console.api.http.negotiation import require_readable
from console.api.http.pagination import HistoryPage, Page
from console.audit.readings import texts_shown
from console.errors import InvalidInput
from console.text.sentences import term
from console.text.visible import is_blank

LONGEST = 255  # longest filter, in characters

Handler = TypeVar("Handler", bound=Callable[..., Any])


def needs(*permissions: Permission) -> Callable[[Handler], Handler]:
    """Require one of `permissions` for a handler.

    They are checked before the request is read, so that no refusal of an input reveals what exists.
    """

    def mark(handler: Handler) -> Handler:
        handler.needs = permissions  # type: ignore[attr-defined]
        return handler

    return mark


class ConsoleView(APIView):
    """A view that knows the actor, reads input with a serializer, and returns lists in pages."""

    pagination_class: type[Page | HistoryPage] = Page

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        handler = getattr(self, str(request.method).lower(), None)
        if handler is not None and request.method != "OPTIONS":
            self.actor.require(*handler.needs)
            require_readable(request)

    def get_throttles(self) -> list[Any]:
        """Return the same throttles for the whole request, so that the response can report them."""
        if not hasattr(self, "_throttles"):
            self._throttles: list[Any] = super().get_throttles()
        return self._throttles

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        for throttle in self.get_throttles():
            for name, value in throttle.headers().items():
                response.headers[name] = value
        return super().finalize_response(request, response, *args, **kwargs)

    def tagged(self, kind: str, shown: Any, status: int = 200) -> Response:
        """Return something editable, with its ETag."""
        return Response(shown, status=status, headers=etag(kind, shown))

    @property
    def actor(self) -> Actor:
        return cast(User | ApiClient, self.request.user).to_actor()

    @property
    def confirmation(self) -> Confirmation | None:
        """How an approval through the API is confirmed: never by a security key."""
        if not isinstance(self.request.user, User):
            return None
        return Confirmation(session_grade(self.request._request))

    def shows(self, chats: Iterable[str]) -> None:
        """Record that this answer shows texts of these chats' customers."""
        match = self.request.resolver_match
        texts_shown(self.actor, match.view_name if match else "api", chats)

    def read(
        self, serializer: type[BaseSerializer[Any]], *, partial: bool = False
    ) -> dict[str, Any]:
        """Return the validated body; with `partial`, fields may be missing.

        Raises REST framework's ValidationError, which names the field.
        """
        checked = serializer(data=self.request.data, partial=partial)
        checked.is_valid(raise_exception=True)
        return cast(dict[str, Any], checked.validated_data)

    def page(
        self,
        request: Request,
        rows: Any,
        serializer: type[BaseSerializer[Any]],
        *,
        shows: Callable[[Any], str] | None = None,
    ) -> Response:
        """Return a page of `rows`. Filters, if any, were read before. `shows` returns the chat of
        a row, if it shows a text of its customer."""
        paginator = self.pagination_class()
        page: Any = paginator.paginate_queryset(rows, request, view=self)
        if shows is not None:
            self.shows(filter(None, map(shows, page)))
        return paginator.get_paginated_response(serializer(page, many=True).data)


def query_filters(
    request: Request,
    names: Iterable[str],
    *,
    paging: Collection[str] = Page.names,
    long: Collection[str] = (),
) -> dict[str, str]:
    """Return the query parameters without those of the `paging`.

    Raises InvalidInput for a parameter that is not in `names`, is empty or appears twice: a
    misspelt filter, or one that a script forgot to fill in, must not count as none. Whoever reads
    those in `long` limits their length.
    """
    filters = {}
    for name, values in request.query_params.lists():
        if name not in names and name not in paging:
            raise InvalidInput(
                "unknown_filter",
                term("There is no filter {name}; use {known}.", name=name, known=list(names))
                if names
                else term("There is no filter {name} here.", name=name),
            )
        if len(values) > 1 or is_blank(values[0]) or "\0" in values[0]:
            raise InvalidInput(
                "invalid_filter",
                "{name}: give it once, not empty and without a NUL; or leave it out.",
                {"field": name},
                name=name,
            )
        if name not in paging:
            filters[name] = values[0] if name in long else _short(name, values[0])
    return filters


def _short(name: str, value: str) -> str:
    if len(value) > LONGEST:
        raise InvalidInput(
            "invalid_filter",
            "{name}: use a text of at most {limit} characters.",
            {"field": name},
            name=name,
            limit=LONGEST,
        )
    return value


def require_choice(filters: Mapping[str, str], name: str, choices: Sequence[str]) -> None:
    """Raise InvalidInput if the filter `name` has another value than `choices`."""
    if name in filters and filters[name] not in choices:
        raise InvalidInput(
            "invalid_filter",
            "{name}: choose {choices}.",
            {"field": name},
            name=name,
            choices=choices,
        )
