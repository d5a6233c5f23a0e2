"""What one hears of oneself: the choices, the stand-ins, and what waits now."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console.database.clock import database_now
from console.editing.saving import form_page, save
from console.errors import NotFound
from console.notifications import selectors
from console.notifications.kinds import KINDS
from console.notifications.letters import matter_words
from console.notifications.models import Way
from console.notifications.pages.forms import PreferencesForm, StandInForm
from console.notifications.services import preferences_update, stand_in_end, stand_in_name
from console.site.access import actor_of


@require_http_methods(["GET", "POST"])
def own_notifications(request: HttpRequest) -> HttpResponse:
    """Show and save what the person wants to hear of."""
    return _page(request, preferences=request.POST if request.method == "POST" else None)


@require_POST
def own_stand_in_new(request: HttpRequest) -> HttpResponse:
    return _page(request, stand_in=request.POST)


def _page(
    request: HttpRequest,
    *,
    preferences: QueryDict | None = None,
    stand_in: QueryDict | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    form, naming = PreferencesForm(actor, preferences), StandInForm(actor, stand_in)
    if save(form, lambda _values: preferences_update(actor, **form.values)):
        messages.success(request, _("Saved. It holds for what waits from now on."))
        return redirect("own-notifications")
    if save(naming, lambda values: stand_in_name(actor, **values)):
        messages.success(request, _("Named. They hear what you hear in that time."))
        return redirect("own-notifications")
    now = database_now()
    return form_page(
        request,
        "notifications/own.html",
        form,
        status=422 if naming.errors else 200,
        naming=naming,
        now=now,
        person=request.user,
        stand_ins=selectors.own_stand_ins(actor, now),
        stands_in_for=selectors.stands_in_for(actor, now),
        has_mail=bool(settings.MAIL_SERVER),
        remind_after=settings.REMIND_AFTER,
        escalate_after=settings.ESCALATE_AFTER,
    )


@require_POST
def own_stand_in_end(request: HttpRequest, stand_in_id: int) -> HttpResponse:
    try:
        stand_in_end(actor_of(request), stand_in_id)
    except NotFound as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Ended."))
    return redirect("own-notifications")


@require_GET
def waiting(request: HttpRequest) -> HttpResponse:
    """Show what waits for the person, for open pages: its number, and what a browser may say."""
    actor = actor_of(request)
    chosen = selectors.own_preferences(actor)
    told = [
        {
            "matter": matter,
            "title": KINDS[matter.kind].label,
            "words": matter_words(KINDS[matter.kind], matter),
            "url": KINDS[matter.kind].link(matter.ref),
        }
        for matter in selectors.waiting_for(actor)
        if chosen.wants(matter.kind, Way.BROWSER)
    ]
    heard = selectors.heard(actor)
    context = {
        "waiting_total": heard.total,
        "waiting_newest": heard.newest,
        "told": told[: selectors.SHOWN],
    }
    return render(request, "notifications/_waiting.html", context)
