"""The questions by which people say what became of an unknown delivery."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from console.editing.confirmation import Question, ask_then, asks, posted
from console.errors import NotFound
from console.sends.evidence.people import delivery_witness
from console.sends.evidence_models import Evidence, Source, Verdict
from console.sends.models import Delivery
from console.sends.pages.forms import WithdrawForm, WitnessForm
from console.sends.selectors import WITNESSES, delivery_get
from console.site.access import actor_of, require


@asks
@require(*WITNESSES)
def delivery_seen(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Say what one saw."""
    return _witness(request, delivery_get(actor_of(request), delivery_id), None)


@asks
@require(*WITNESSES)
def evidence_correct(request: HttpRequest, delivery_id: int, evidence_id: int) -> HttpResponse:
    """Say something else than a person said before."""
    delivery = delivery_get(actor_of(request), delivery_id)
    return _witness(request, delivery, _persons(delivery, evidence_id))


@asks
@require(*WITNESSES)
def evidence_withdraw(request: HttpRequest, delivery_id: int, evidence_id: int) -> HttpResponse:
    """Say that what a person said does not stand."""
    actor = actor_of(request)
    delivery = delivery_get(actor, delivery_id)
    former = _persons(delivery, evidence_id)
    form = WithdrawForm(posted(request))

    def withdraw() -> str:
        delivery_witness(
            actor,
            delivery,
            verdict=Verdict.WITHDRAWN,
            remark=form.cleaned_data["remark"],
            replaces=former.pk,
        )
        messages.success(request, _("Withdrawn. What was said stays in the record."))
        return _page(delivery)

    return ask_then(
        request,
        Question(
            place=_name(delivery),
            title=_("Withdraw what was said?"),
            texts=(_said(former), _stays()),
            button=_("Withdraw"),
            back=_page(delivery),
            form=form,
            is_dangerous=False,
        ),
        withdraw,
    )


def _witness(request: HttpRequest, delivery: Delivery, former: Evidence | None) -> HttpResponse:
    actor = actor_of(request)
    form = WitnessForm(posted(request))

    def say() -> str:
        delivery_witness(
            actor,
            delivery,
            verdict=form.cleaned_data["verdict"],
            looked_in=form.cleaned_data["looked_in"],
            remark=form.cleaned_data["remark"],
            replaces=former.pk if former else None,
        )
        messages.success(request, _("Recorded. The delivery stays unknown in the first record."))
        return _page(delivery)

    return ask_then(
        request,
        Question(
            place=_name(delivery),
            title=_("Correct what was said?") if former else _("What became of it?"),
            texts=(
                *((_said(former),) if former else ()),
                _("Look into the chat, or ask the agent, before you answer."),
                _stays(),
            ),
            button=_("Record it"),
            back=_page(delivery),
            form=form,
            is_dangerous=False,
        ),
        say,
    )


def _persons(delivery: Delivery, evidence_id: int) -> Evidence:
    found = delivery.evidence.filter(pk=evidence_id, source=Source.PERSON).first()
    if found is None:
        raise NotFound(
            "evidence_not_found",
            "Delivery {delivery} has no evidence {evidence}.",
            delivery=delivery.pk,
            evidence=evidence_id,
        )
    return found


def _said(evidence: Evidence) -> str:
    return _("%(name)s said: %(verdict)s.") % {
        "name": evidence.actor_name,
        "verdict": evidence.get_verdict_display(),
    }


def _stays() -> str:
    return _(
        "Your name stands in the record and in the audit trail for good, the remark as long as the "
        "delivery’s text."
    )


def _name(delivery: Delivery) -> str:
    return _("Delivery %(id)s") % {"id": delivery.pk}


def _page(delivery: Delivery) -> str:
    return reverse("delivery-detail", args=[delivery.pk])
