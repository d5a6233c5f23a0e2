"""Sends that await a second person's approval, and that person's decision."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from console.accounts.approvals.asking import asks_for_key, confirmation_of
from console.accounts.own_work import own_refs
from console.actors import Permission
from console.audit.readings import shows_texts
from console.database.clock import database_now
from console.editing.confirmation import Question, ask, ask_then, asks, posted
from console.errors import Conflict, NotFound
from console.sends.control.approval import send_approve, send_reject
from console.sends.control.approval_summary import briefs_of
from console.sends.models import Send, SendStatus
from console.sends.pages.forms import ApproveForm, ReasonForm
from console.sends.pages.wording import audience
from console.sends.selectors import leaves_at, send_get, sends_awaiting_approval, sends_visible
from console.site.access import actor_of, require

SHOWN = 50


@require_GET
@require(Permission.APPROVE_SENDS)
def approvals(request: HttpRequest) -> HttpResponse:
    """Show others' sends, longest waiting first, and then one's own, for others to decide."""
    actor = actor_of(request)
    refs = own_refs(actor)
    others = list(sends_awaiting_approval(actor)[:SHOWN])
    own = sends_visible(actor).filter(actor_ref__in=refs, status=SendStatus.AWAITING_APPROVAL)
    briefs = briefs_of([*others, *own[:SHOWN]])
    shows_texts(request, (sample.chat for brief in briefs for sample in brief.samples))
    context = {
        "briefs": briefs,
        "own_refs": refs,
        "now": database_now(),
        "approval_above": settings.APPROVAL_ABOVE,
    }
    return render(request, "sends/approvals.html", context)


@asks
@require(Permission.APPROVE_SENDS)
@asks_for_key(lambda send_id: reverse("send-approvals"))
def approve(request: HttpRequest, send_id: int) -> HttpResponse:
    actor = actor_of(request)
    try:
        send = send_get(actor, send_id)
    except NotFound:
        return _decided(request, send_id)
    shown = send.scheduled_at.isoformat() if send.scheduled_at else ""
    form = ApproveForm(posted(request), initial={"seen": shown})

    def let_go() -> str:
        if form.cleaned_data["seen"] != shown:
            raise Conflict(
                "send_changed",
                "Not approved: its sender has given it another time. Go back and look again.",
            )
        after = send_approve(actor, send, confirmation=confirmation_of(request))
        words = _("Send %(id)s is approved and leaves at its time.")
        if after.status == SendStatus.RUNNING:
            words = _("Send %(id)s is approved and leaves now.")
        messages.success(request, words % {"id": send.pk})
        return reverse("send-approvals")

    to = {"audience": audience(send.visibility, send.ready_count)}
    return ask_then(
        request,
        Question(
            place=_("Approvals"),
            title=_("Approve send %(id)s?") % {"id": send.pk},
            texts=(_when(send) % to, _("With your name beside it in the history.")),
            button=_("Approve for %(audience)s") % to,
            back=reverse("send-approvals"),
            form=form,
            is_dangerous=False,
        ),
        let_go,
    )


@asks
@require(Permission.APPROVE_SENDS)
def reject(request: HttpRequest, send_id: int) -> HttpResponse:
    actor = actor_of(request)
    try:
        send = send_get(actor, send_id)
    except NotFound:
        return _decided(request, send_id)
    form = ReasonForm(posted(request), label=_("Why, in words for the sender"))

    def turn_down() -> str:
        send_reject(actor, send, reason=form.cleaned_data["reason"])
        messages.success(request, _("Send %(id)s is rejected.") % {"id": send.pk})
        return reverse("send-approvals")

    return ask_then(
        request,
        Question(
            place=_("Approvals"),
            title=_("Reject send %(id)s?") % {"id": send.pk},
            texts=(
                _("Nothing of it leaves, for good. %(name)s sees your reason and can send anew.")
                % {"name": send.actor_name},
            ),
            button=_("Reject it"),
            back=reverse("send-approvals"),
            form=form,
        ),
        turn_down,
    )


def _when(send: Send) -> str:
    now = database_now()
    if send.scheduled_at is None:
        return _("It goes to %(audience)s at once.")
    if leaves_at(send, now) > now:
        return _("It goes to %(audience)s at the time that its sender has chosen.")
    return _("Its time has passed while it waited: it goes to %(audience)s at once.")


def _decided(request: HttpRequest, send_id: int) -> HttpResponse:
    """Say that somebody else has decided. The send may now be out of this person's sight."""
    return ask(
        request,
        Question(
            place=_("Approvals"),
            title=_("Send %(id)s does not await your approval") % {"id": send_id},
            texts=(_("Somebody else has decided, its sender has stopped it, or it never did."),),
            button="",
            back=reverse("send-approvals"),
        ),
        status=404,
    )
