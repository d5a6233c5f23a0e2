"""Rate limits, counted for each person or program."""

from typing import TYPE_CHECKING, cast

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from console.accounts.models import ApiClient, User
from console.accounts.services import counters
from console.site.rates import limit_of

if TYPE_CHECKING:  # views import their throttles
    from rest_framework.views import APIView


class ActorThrottle(BaseThrottle):
    """At most CONSOLE_API_RATE calls for each actor."""

    _number = 0
    _left = 0

    def allow_request(self, request: Request, view: "APIView") -> bool:
        caller = cast(User | ApiClient | None, request.user)
        if caller is None:
            return True
        limit, seconds = limit_of(settings.API_RATE)
        self._number, self._left = counters.counted(f"calls of {caller.ref}", seconds=seconds)
        return self._number <= limit

    def wait(self) -> float:
        return self._left

    def headers(self) -> dict[str, str]:
        """Return the remaining calls, by the IETF's draft of the RateLimit fields, and the seconds
        until all are available again."""
        if not self._number:
            return {}
        limit, seconds = limit_of(settings.API_RATE)
        left = max(0, limit - self._number)
        return {
            "RateLimit-Policy": f'"actor";q={limit};w={seconds}',
            "RateLimit": f'"actor";r={left};t={self._left}',
        }
