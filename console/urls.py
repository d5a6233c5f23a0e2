"""All addresses of the console."""

from django.conf import settings
from django.urls import include, path

from console.web import health
from console.web.events import events

handler400 = "console.web.handlers.bad_request"
handler403 = "console.web.handlers.permission_denied"
handler404 = "console.web.handlers.page_not_found"
handler500 = "console.web.handlers.server_error"

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
