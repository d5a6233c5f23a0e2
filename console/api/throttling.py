"""Rate limits, a person or program each for itself."""

import math
from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:  # views import their throttles
    from rest_framework.views import APIView


class ActorThrottle(SimpleRateThrottle):
    """At most CONSOLE_API_RATE calls for each actor and web process."""

    scope = "actor"
    # Of its rate; REST framework sets them.
    num_requests: int
    duration: int

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        if not request.user:
            return None
        return self.cache_format % {
            "scope": self.scope,
            "ident": f"{type(request.user).__name__}-{request.user.pk}",
        }

    def headers(self) -> dict[str, str]:
        """How many calls are left, as the IETF's draft of the RateLimit fields has it. The time is
        that until the oldest call is forgotten."""
        history: list[float] = getattr(self, "history", [])
        if self.rate is None or not history:
            return {}
        left = max(0, self.num_requests - len(history))
        seconds = max(1, math.ceil(self.duration - (self.now - history[-1])))
        return {
            "RateLimit-Policy": f'"{self.scope}";q={self.num_requests};w={self.duration}',
            "RateLimit": f'"{self.scope}";r={left};t={seconds}',
        }
