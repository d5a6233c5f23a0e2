"""Operations on the thing at an address: read it, change it, or do something with it.

Each loads the thing, reads the body, calls one service and returns the thing's new state. A view
defines how its thing is loaded and shown; a method calls the service.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from console.actors import Permission
from console.api.base import ConsoleView, needs
from console.api.http.conditions import unchanged

Serializer = type[BaseSerializer[Any]]
Handler = Callable[..., Response]
Answers = Mapping[Any, Any]


class ThingView(ConsoleView):
    """Base of the views of one kind of thing. `kind` is its name in an ETag."""

    kind = ""

    def load(self, *args: Any, **address: Any) -> Any:
        """Return the thing, as the actor may see it. Raises NotFound."""
        raise NotImplementedError

    def show(self, thing: Any) -> Any:
        """Return the thing's present state in the form of a response."""
        raise NotImplementedError

    def held(self, thing: Any) -> QuerySet[Any]:
        """Return the rows to lock while the thing is compared with If-Match and changed."""
        raise NotImplementedError

    def given(self, takes: Serializer, *, partial: bool = False) -> dict[str, Any]:
        """Return the body in the form that the service takes."""
        return self.read(takes, partial=partial)


def reads(summary: str, *permissions: Permission, responses: Answers) -> Handler:
    """Return a handler that returns the thing with its ETag."""

    @extend_schema(summary=summary, responses=responses)
    @needs(*permissions)
    def get(self: ThingView, request: Request, **address: Any) -> Response:
        return self.tagged(self.kind, self.show(self.load(**address)))

    return get


def edits(
    summary: str,
    *permissions: Permission,
    takes: Serializer | None,
    responses: Answers,
    partial: bool = False,
) -> Callable[[Callable[..., object]], Handler]:
    """Turn a method into a handler that changes or, with 204, deletes the thing if If-Match holds.
    The method gets the thing and, as keywords, the validated body."""

    def decorate(method: Callable[..., object]) -> Handler:
        @extend_schema(
            summary=summary,
            request=takes(partial=True) if takes and partial else takes,
            responses=responses,
        )
        @needs(*permissions)
        @wraps(method)
        def handle(self: ThingView, request: Request, **address: Any) -> Response:
            def shown() -> Any:
                return self.show(self.load(**address))

            thing = self.load(**address)
            given = self.given(takes, partial=partial) if takes else {}
            with unchanged(request, self.kind, self.held(thing), shown):
                method(self, thing, **given)
            return Response(status=204) if 204 in responses else self.tagged(self.kind, shown())

        return handle

    return decorate


def action(
    summary: str,
    *permissions: Permission,
    responses: Answers,
    takes: Serializer | None = None,
) -> Callable[[Callable[..., object]], Handler]:
    """Turn a method into a handler that does something with the thing. The method gets the thing
    and, as keywords, the validated body. The handler shows the method's result, with the one status
    of `responses`."""
    (status,) = responses

    def decorate(method: Callable[..., object]) -> Handler:
        @extend_schema(summary=summary, request=takes, responses=responses)
        @needs(*permissions)
        @wraps(method)
        def handle(self: ThingView, request: Request, **address: Any) -> Response:
            thing = self.load(**address)
            done = method(self, thing, **(self.given(takes) if takes else {}))
            return Response(None if status == 204 else self.show(done), status=status)

        return handle

    return decorate
