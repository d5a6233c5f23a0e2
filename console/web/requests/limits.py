"""How much one person or address may ask for."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from console.accounts.services import counters
from console.accounts.signing_in.addresses import household, sender_address
from console.site.problems import API
from console.site.rates import limit_of
from console.web.pages import errors
from console.web.requests.middleware import _Middleware

METRICS = "/metrics"
# The API counts for itself (console.api.http.throttling); probes come from machines.
UNCOUNTED = (API, "/healthz", "/readyz", METRICS)


class RateMiddleware(_Middleware):
    """At most CONSOLE_PAGE_RATE pages a person, and CONSOLE_STRANGER_RATE an address of those who
    are not signed in; as many calls of an address without a token, or with a wrong one."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if request.path.startswith(UNCOUNTED):
            return None
        if request.user.is_authenticated:
            wait = seconds_to_wait(f"pages of person {request.user.pk}", settings.PAGE_RATE)
        else:
            wait = _stranger_waits(request, "pages")
        return errors.too_many_requests(request, wait) if wait else None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Nobody tries tokens at leisure. Who has a right one is held up by nobody else's."""
        if response.status_code != 401 or not request.path.startswith((API, METRICS)):
            return response
        wait = _stranger_waits(request, "refused calls")
        return errors.too_many_requests(request, wait) if wait else response


def seconds_to_wait(what: str, rate: str) -> int:
    """Count one more of `what`; 0 lets it pass, else in how many seconds the next may."""
    limit, seconds = limit_of(rate)
    return counters.seconds_to_wait(what, limit=limit, seconds=seconds)


def _stranger_waits(request: HttpRequest, what: str) -> int:
    caller = household(sender_address(request))
    return seconds_to_wait(f"{what} of address {caller}", settings.STRANGER_RATE)
