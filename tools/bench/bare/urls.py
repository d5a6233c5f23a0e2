"""The bare view, and the one middleware that leads to it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.template.backends.django import DjangoTemplates
from django.urls import path

from console.interactions.models import Interaction

ROWS = 40
# Django's own, with nothing of the console's.
TEMPLATES = DjangoTemplates(
    {"NAME": "bare", "DIRS": [Path(__file__).parent], "APP_DIRS": False, "OPTIONS": {}}
)


class BareMiddleware:
    """Leads each request to the bare view; the console's own addresses are in the settings."""

    async_capable = True
    sync_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponse]]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        request.urlconf = "tools.bench.bare.urls"
        return await self.get_response(request)


def bare(request: HttpRequest) -> HttpResponse:
    rows = Interaction.objects.order_by("pk")[:ROWS]
    return HttpResponse(TEMPLATES.get_template("bare.html").render({"rows": rows}, request))


urlpatterns = [path("bare/", bare)]
