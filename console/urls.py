"""All URLs of the console."""

from django.conf import settings
from django.urls import include, path

from console.live.events import events
from console.web.server import health

handler400 = "console.web.pages.errors.bad_request"
handler403 = "console.web.pages.errors.permission_denied"
handler404 = "console.web.pages.errors.page_not_found"
handler500 = "console.web.pages.errors.server_error"

urlpatterns = [
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
    path("events/", events, name="events"),
    path("api/v1/", include("console.api.urls")),
    path("", include("console.web.urls")),
]

if settings.DEMO_SIMULATORS:
    urlpatterns.append(path("demo/", include("console.demo.urls")))
