"""The way in, and help."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from console.access import actor_of
from console.actors import Permission
from console.sends.models import DeliveryStatus

# The first that a person may use is their home.
HOMES = (
    (Permission.VIEW_INTERACTIONS, "board"),
    (Permission.VIEW_HISTORY, "history"),
    (Permission.ADMINISTER, "chat-server-list"),
    (Permission.VIEW_CATALOGUE, "notice-list"),
    (Permission.VIEW_CHAT_SERVERS, "chat-server-list"),
)


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    for permission, name in HOMES:
        if actor.may(permission):
            return redirect(name)
    return redirect("help")


@require_GET
def help_page(request: HttpRequest) -> HttpResponse:
    return render(request, "web/help.html", {"statuses": DeliveryStatus.values})
