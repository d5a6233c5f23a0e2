"""How much one person or address may ask for."""

import math
import time
from hashlib import sha256

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse

from console.accounts.addresses import household, sender_address
from console.web import handlers
from console.web.middleware import _Middleware

PERIODS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
# The API counts for itself (console.api.throttling); probes come from machines.
UNCOUNTED = (handlers.API, "/healthz", "/readyz", "/metrics")


class RateMiddleware(_Middleware):
    """At most CONSOLE_PAGE_RATE pages a person, and CONSOLE_STRANGER_RATE an address of those who
    are not signed in. Each web process counts for itself."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path.startswith(UNCOUNTED):
            return None
        if request.user.is_authenticated:
            wait = seconds_to_wait(f"person-{request.user.pk}", settings.PAGE_RATE)
        else:
            caller = household(sender_address(request))
            wait = seconds_to_wait(f"address-{caller}", settings.STRANGER_RATE)
        return handlers.too_many_requests(request, wait) if wait else None


def seconds_to_wait(who: str, rate: str) -> int:
    """Count one more by `who`; 0 lets it pass, else in how many seconds the next may."""
    most, _slash, unit = rate.partition("/")
    period = PERIODS[unit[0]]
    now = time.time()
    window = int(now // period)
    # What is made up by a caller, such as an address, must not make a key that a cache refuses.
    key = f"rate-{sha256(who.encode()).hexdigest()}-{period}-{window}"
    cache.add(key, 0, period)
    try:
        count = cache.incr(key)
    except ValueError:  # the window ended just now
        return 0
    return 0 if count <= int(most) else max(1, math.ceil((window + 1) * period - now))
