"""Rate limits for persons and addresses."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from console.accounts.services import counters
from console.accounts.signing_in.addresses import household, sender_address
from console.site.problems import API
from console.site.rates import limit_of
from console.web.pages import errors
from console.web.requests.middleware import _Middleware

METRICS = "/metrics"
# The API has its own limits (console.api.http.throttling); probes come from machines.
UNCOUNTED = (API, "/healthz", "/readyz", METRICS)


class RateMiddleware(_Middleware):
    """Limits a person to CONSOLE_PAGE_RATE pages, and an address without a sign-in to
    CONSOLE_STRANGER_RATE pages and as many calls without a valid token."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path.startswith(UNCOUNTED):
            return None
        if request.user.is_authenticated:
            wait = seconds_to_wait(f"pages of person {request.user.pk}", settings.PAGE_RATE)
        else:
            wait = _stranger_waits(request, "pages")
        return errors.too_many_requests(request, wait) if wait else None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Limit the guessing of tokens. Wrong tokens never delay a caller with a valid one."""
        if response.status_code != 401 or not request.path.startswith((API, METRICS)):
            return response
        wait = _stranger_waits(request, "refused calls")
        return errors.too_many_requests(request, wait) if wait else response


def seconds_to_wait(what: str, rate: str) -> int:
    """Count one more of `what`. Return 0 if it may pass, else the seconds until the next may."""
    limit, seconds = limit_of(rate)
    return counters.seconds_to_wait(what, limit=limit, seconds=seconds)


def _stranger_waits(request: HttpRequest, what: str) -> int:
    caller = household(sender_address(request))
    return seconds_to_wait(f"{what} of address {caller}", settings.STRANGER_RATE)
