"""Another time for a send."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from console.access import actor_of, require
from console.actors import Permission
from console.sends.forms import RescheduleForm
from console.sends.models import Send
from console.sends.selectors import send_get
from console.sends.services import send_reschedule
from console.sends.views.asking import Question, ask_then, asks, posted


@asks
@require(Permission.SEND)
def send_another_time(request: HttpRequest, send_id: int) -> HttpResponse:
    """A scheduled send, or one that waits for approval, at another time."""
    actor = actor_of(request)
    send = send_get(actor, send_id)
    form = RescheduleForm(posted(request), send=send)

    def move() -> str:
        send_reschedule(actor, send, **form.to_schedule())
        return _page(send)

    return ask_then(
        request,
        Question(
            place=_name(send),
            title=_("Send at another time"),
            texts=(),
            warning=_("It was approved for the time that it has now: it has to be approved again.")
            if send.approved_by_ref
            else "",
            button=_("Reschedule"),
            action=reverse("send-reschedule", args=[send.pk]),
            back=_page(send),
            form=form,
            is_dangerous=False,
        ),
        move,
    )


def _name(send: Send) -> str:
    return _("Send %(id)s") % {"id": send.pk}


def _page(send: Send) -> str:
    return reverse("send-detail", args=[send.pk])
