"""The stop-everything switch, and the banner that shows it on every page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from console.actors import Permission
from console.sends.control.stop_switch import sending_restart, sending_stop
from console.sends.models import Outbox
from console.sends.pages.forms import ReasonForm
from console.sends.selectors import sending_stopped
from console.site.access import actor_of, require
from console.site.confirmation import Question, ask_then, asks, posted


@require_GET
@require(Permission.ADMINISTER)
def switch(request: HttpRequest) -> HttpResponse:
    context = {"open_count": Outbox.objects.count(), "sending_stopped": sending_stopped()}
    return render(request, "sends/switch.html", context)


@require_GET
def band(request: HttpRequest) -> HttpResponse:
    """Show the banner alone, for open pages. Everybody sees it."""
    return render(request, "frame/stopped.html", {"sending_stopped": sending_stopped()})


@asks
@require(Permission.ADMINISTER)
def stop(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = ReasonForm(posted(request), label=_("Why, in words for everybody"))

    def stop_all() -> str:
        sending_stop(actor, reason=form.cleaned_data["reason"])
        return reverse("sending-switch")

    return ask_then(
        request,
        Question(
            place=_("Stop all sending"),
            title=_("Stop all sending?"),
            texts=(
                _(
                    "Nothing more leaves the console, whoever sent it: people, workflows, "
                    "schedules. What is on its way gets its true outcome. What waits is not lost."
                ),
            ),
            button=_("Stop all sending now"),
            action=reverse("sending-stop"),
            back=reverse("sending-switch"),
            form=form,
        ),
        stop_all,
    )


@asks
@require(Permission.ADMINISTER)
def restart(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    waiting = Outbox.objects.count()

    def start_all() -> str:
        sending_restart(actor)
        return reverse("sending-switch")

    words = ngettext(
        "%(n)s delivery is open. What is due of it leaves at once, at each Chat Server's pace.",
        "%(n)s deliveries are open. What is due of them leaves at once, at each Chat Server's "
        "pace.",
        waiting,
    )
    return ask_then(
        request,
        Question(
            place=_("Stop all sending"),
            title=_("Start sending again?"),
            texts=(words % {"n": f"{waiting:,}"} if waiting else _("Nothing waits."),),
            button=_("Start sending again"),
            action=reverse("sending-restart"),
            back=reverse("sending-switch"),
            is_dangerous=False,
        ),
        start_all,
    )
