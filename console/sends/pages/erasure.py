"""The pages that erase a chat's customer data on request, and stop the erasure in time."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.actors import Permission
from console.editing.confirmation import Question, ask_then, asks, posted
from console.sends.control.erasure import interaction_erase
from console.sends.control.retention import retention_stop
from console.sends.pages.forms import EraseForm
from console.site.access import actor_of, require


@asks
@require(Permission.ADMINISTER)
def erase(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = EraseForm(posted(request), initial={"interaction": request.GET.get("interaction", "")})

    def erase_now() -> str:
        chat = form.cleaned_data["interaction"]
        number = interaction_erase(actor, interaction_id=chat, why=form.cleaned_data["why"])
        words = ngettext(
            "Chat %(chat)s: what was kept of its customer is erased, with %(number)s text.",
            "Chat %(chat)s: what was kept of its customer is erased, with %(number)s texts.",
            number,
        )
        messages.success(request, words % {"chat": chat, "number": number})
        return reverse("erase")

    return ask_then(
        request,
        Question(
            place=_("Erase a customer"),
            title=_("Erase what is kept of a customer?"),
            texts=(
                _(
                    "The texts that were sent to this chat, the customer's name, the user data and "
                    "Chat Server's answers are erased for good. That something was sent, when, by "
                    "whom and how it ended stays, and so does the audit trail, which has no text."
                ),
            ),
            warning=_("This can't be taken back, and the texts can't be proved any more."),
            button=_("Erase for good"),
            back=reverse("home"),
            form=form,
        ),
        erase_now,
    )


@asks
@require(Permission.ADMINISTER)
def retention_end(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)

    def stop() -> str:
        retention_stop(actor)
        messages.success(request, _("No more texts are erased until the next night."))
        return reverse("operations")

    return ask_then(
        request,
        Question(
            place=_("Operations"),
            title=_("Stop erasing texts whose time is over?"),
            texts=(
                _(
                    "What is erased stays erased. The next night a worker goes on with what is "
                    "left, or manage.py erase_texts --expired does at once."
                ),
            ),
            button=_("Stop erasing"),
            back=reverse("operations"),
            is_dangerous=False,
        ),
        stop,
    )
