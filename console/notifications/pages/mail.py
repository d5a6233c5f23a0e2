"""Whether mail and channels work, for administrators."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from console.actors import Permission
from console.errors import ConsoleError
from console.notifications import selectors
from console.notifications.services import mail_test
from console.site.access import actor_of, require

PEOPLE_SHOWN = 20


@require_GET
@require(Permission.ADMINISTER)
def state(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    without = selectors.deciders_without_address(actor)
    context = {
        "server": str(settings.MAIL_SERVER),
        "sender": settings.DEFAULT_FROM_EMAIL,
        "mail": selectors.mail_state(actor),
        "channels": selectors.channel_states(actor),
        "troubles": selectors.recent_troubles(actor),
        "without_address": without[:PEOPLE_SHOWN],
        "without_address_count": without.count(),
    }
    return render(request, "notifications/mail_state.html", context)


@require_POST
@require(Permission.ADMINISTER)
def test(request: HttpRequest) -> HttpResponse:
    try:
        mail_test(actor_of(request))
    except ConsoleError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The test leaves within a few seconds. Look below."))
    return redirect("mail-state")
