"""Rate limits, a person or program each for itself."""

from typing import TYPE_CHECKING, cast

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from console.accounts.models import ApiClient, User
from console.accounts.services import counting
from console.rates import limit_of

if TYPE_CHECKING:  # views import their throttles
    from rest_framework.views import APIView


class ActorThrottle(BaseThrottle):
    """At most CONSOLE_API_RATE calls for each actor."""

    _wait = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        caller = cast(User | ApiClient | None, request.user)
        if caller is None:
            return True
        limit, seconds = limit_of(settings.API_RATE)
        what = f"calls of {caller.ref}"
        self._wait = counting.seconds_to_wait(what, limit=limit, seconds=seconds)
        return self._wait == 0

    def wait(self) -> float:
        return self._wait
