"""Rate limits, a person or program each for itself."""

from typing import TYPE_CHECKING

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:  # views import their throttles
    from rest_framework.views import APIView


class ActorThrottle(SimpleRateThrottle):
    """At most CONSOLE_API_RATE calls for each actor and web process."""

    scope = "actor"

    def get_cache_key(self, request: Request, view: "APIView") -> str | None:
        if not request.user:
            return None
        return self.cache_format % {
            "scope": self.scope,
            "ident": f"{type(request.user).__name__}-{request.user.pk}",
        }
