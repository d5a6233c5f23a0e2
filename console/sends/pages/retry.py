"""Rescheduling a send, and retrying its failed or unknown deliveries."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.actors import Permission
from console.editing.confirmation import Question, ask_then, asks, posted
from console.sends.control.approval import send_reschedule
from console.sends.control.retry import retry_seen, send_retry_failed, send_retry_unknown
from console.sends.models import Send
from console.sends.pages.forms import MayShowTwiceForm, RescheduleForm, RetryForm
from console.sends.pages.sends import retryable
from console.sends.selectors import left_out_of_retry, seen_missing, send_get
from console.site.access import actor_of, require


@asks
@require(Permission.SEND)
def send_another_time(request: HttpRequest, send_id: int) -> HttpResponse:
    """Reschedule a send that is scheduled or awaits approval."""
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
            back=_page(send),
            form=form,
            is_dangerous=False,
        ),
        move,
    )


@asks
@require(Permission.SEND)
def send_again_failed(request: HttpRequest, send_id: int) -> HttpResponse:
    """Retry failed deliveries, of which certainly nothing was shown."""
    actor = actor_of(request)
    send = send_get(actor, send_id)
    count = retryable(send).get("failed", 0)
    form = RetryForm(posted(request), initial={"seen": retry_seen(send, "failed")})

    def again() -> str:
        seen = form.cleaned_data["seen"]
        new = send_retry_failed(actor, send, undo_seconds=settings.UNDO_SECONDS, seen=seen)
        return _page(new)

    certain = ngettext(
        "It is certain that this chat was shown nothing. The same text goes to it once more, "
        "as a send of its own.",
        "It is certain that these chats were shown nothing. The same texts go to them once more, "
        "as a send of its own.",
        count,
    )
    return ask_then(
        request,
        Question(
            place=_name(send),
            title=_("Retry %(n)s failed?") % {"n": f"{count:,}"},
            texts=(certain if count else _nothing_left(),),
            button=_("Retry %(n)s failed") % {"n": f"{count:,}"} if count else "",
            back=_page(send),
            form=form,
            is_dangerous=False,
        ),
        again,
    )


@asks
@require(Permission.SEND)
def send_again_unknown(request: HttpRequest, send_id: int) -> HttpResponse:
    """Retry unknown deliveries after a person accepts that they may be shown twice."""
    actor = actor_of(request)
    send = send_get(actor, send_id)
    count = retryable(send).get("unknown", 0)
    form = MayShowTwiceForm(posted(request), initial={"seen": retry_seen(send, "unknown")})

    def again() -> str:
        new = send_retry_unknown(
            actor,
            send,
            may_show_twice=form.is_valid(),
            undo_seconds=settings.UNDO_SECONDS,
            seen=form.cleaned_data.get("seen", ""),
        )
        return _page(new)

    return ask_then(
        request,
        Question(
            place=_name(send),
            title=_("Retry %(n)s unknown?") % {"n": f"{count:,}"},
            texts=(
                _(
                    "Chat Server took these requests and did not answer, so nobody knows whether "
                    "the text was shown. Ask the agents, or look into the chats, where you can."
                ),
                *_known_by_now(send),
            )
            if count
            else (_nothing_left(),),
            warning=_twice(send) if count else "",
            button=_("Retry %(n)s unknown") % {"n": f"{count:,}"} if count else "",
            back=_page(send),
            form=form if count else None,
        ),
        again,
    )


def _known_by_now(send: Send) -> tuple[str, ...]:
    arrived, missing = left_out_of_retry(send), seen_missing(send)
    words = []
    if arrived:
        words.append(
            ngettext(
                "%(n)s other is left out: there is evidence that it was delivered.",
                "%(n)s others are left out: there is evidence that they were delivered.",
                arrived,
            )
            % {"n": f"{arrived:,}"}
        )
    if missing:
        words.append(
            ngettext(
                "Of %(n)s of these the evidence says that it was not delivered.",
                "Of %(n)s of these the evidence says that they were not delivered.",
                missing,
            )
            % {"n": f"{missing:,}"}
        )
    return tuple(words)


def _twice(send: Send) -> str:
    if send.visibility == "ALL":
        return _("Customers who have seen it already will see it twice.")
    return _("Staff who have seen it already will see it twice.")


def _nothing_left() -> str:
    return _("Nothing of it is left to retry: it was tried again already, or all is well.")


def _name(send: Send) -> str:
    return _("Send %(id)s") % {"id": send.pk}


def _page(send: Send) -> str:
    return reverse("send-detail", args=[send.pk])
