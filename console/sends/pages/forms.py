"""The forms of the history's filters, and those that confirm an action on a send."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from console.sends.asking.periods import Period, days_of, today
from console.sends.evidence.people import REMARK_LIMIT
from console.sends.evidence_models import LookedIn, Verdict
from console.sends.history_filter import FILTERS, LENGTH, Filter, Kind
from console.sends.models import DeliveryStatus, Send, SendStatus
from console.sends.plan.schedule import moment
from console.text.form_fields import (
    ClockField,
    FilterForm,
    LineField,
    SinceField,
    TextField,
    ZoneSelect,
)


class SendFilterForm(FilterForm):
    """The filters of the list of sends."""

    q = LineField(label=_("Number, notice or sender"), max_length=200, required=False)
    status = forms.ChoiceField(
        label=_("Status"), choices=[("", _("All sends")), *SendStatus.choices], required=False
    )


class DeliveryFilterForm(FilterForm):
    """The filter of a send's deliveries."""

    status = forms.ChoiceField(
        label=_("Outcome"), choices=[("", _("All")), *DeliveryStatus.choices], required=False
    )


def _field(declared: Filter) -> forms.Field:
    """Return the form field for a filter of the history."""
    if declared.kind is Kind.CHOICE:
        return forms.ChoiceField(label=declared.label, choices=declared.choices, required=False)
    if declared.kind is Kind.NUMBER:
        return forms.IntegerField(
            label=declared.label, min_value=1, max_value=999_999_999, required=False
        )
    if declared.kind is Kind.TIME:
        return SinceField(label=declared.label, required=False)
    return LineField(label=declared.label, max_length=declared.max_length, required=False)


class HistoryForm(FilterForm):
    """The history's filters, a field for each, and a period of days in place of two times. What is
    typed into the box is read as these (console.sends.asking)."""

    box = LineField(
        label=_("Customer, chat id, text, notice, sender, outcome, Chat Server or date"),
        max_length=LENGTH,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("unknown last week")}),
    )
    period = forms.ChoiceField(
        label=_("Days"), choices=[("", _("Any day")), *Period.choices], required=False
    )

    def to_mapping(self) -> dict[str, Any]:
        """Return what is set, as DeliveryFilter reads it: times as ISO 8601 with their zone."""
        filled = {name: value for name, value in self.cleaned_data.items() if value}
        filled.pop("box", None)
        if period := filled.pop("period", ""):
            times = zip(("since", "until"), days_of(period, today()).moments, strict=True)
            filled |= dict(times)
        for name in ("since", "until"):
            if name in filled:
                filled[name] = filled[name].isoformat()
        return filled


HistoryForm.base_fields |= {name: _field(each) for name, each in FILTERS.items()}


class ReasonForm(forms.Form):
    """The reason for an action, for the people concerned."""

    reason = TextField(widget=forms.Textarea(attrs={"autofocus": True, "rows": 3}), max_length=2000)

    def __init__(self, *args: Any, label: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reason"]
        field.label = label
        field.error_messages["required"] = str(_("Say why: others need to know."))


class RescheduleForm(forms.Form):
    """Another time for a send, on the clocks of a zone."""

    later = ClockField(label=_("Date and time"))
    time_zone = LineField(label=_("Time zone"), max_length=64, widget=ZoneSelect)

    def __init__(self, data: QueryDict | None, *, send: Send) -> None:
        initial = {}
        if send.scheduled_at is not None and send.time_zone:
            local = send.scheduled_at.astimezone(ZoneInfo(send.time_zone))
            initial = {"later": local.strftime("%Y-%m-%dT%H:%M"), "time_zone": send.time_zone}
        super().__init__(data, initial=initial)

    def to_schedule(self) -> dict[str, Any]:
        """Return the arguments of `send_reschedule`. Raises InvalidInput for a time that these
        clocks never show, or show twice."""
        zone = self.cleaned_data["time_zone"]
        return {"scheduled_at": moment(self.cleaned_data["later"], zone), "time_zone": zone}


class ApproveForm(forms.Form):
    """The time of the send as the approver saw it."""

    seen = LineField(widget=forms.HiddenInput, required=False)


class RetryForm(forms.Form):
    """What was left to retry when the person was asked."""

    seen = LineField(widget=forms.HiddenInput, required=False)


class MayShowTwiceForm(RetryForm):
    """The person's consent that a notice may be shown twice."""

    may_show_twice = forms.BooleanField(
        label=_("I know that it may be shown twice, and want it sent."),
        error_messages={"required": _("Tick the box if it may be shown twice; else go back.")},
    )


class WitnessForm(forms.Form):
    """What a person saw of an unknown delivery, and where they looked."""

    verdict = forms.ChoiceField(
        label=_("What did you see?"),
        choices=[
            ("", _("Choose")),
            (Verdict.DELIVERED, _("The text is there: it was delivered")),
            (Verdict.NOT_DELIVERED, _("The text is not there: it was not delivered")),
        ],
        error_messages={"required": _("Say whether the text is there.")},
    )
    looked_in = forms.ChoiceField(
        label=_("Where did you look?"),
        choices=[("", _("Choose")), *LookedIn.choices],
        error_messages={"required": _("Say where you looked.")},
    )
    remark = TextField(
        label=_("Remark: what you saw there"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REMARK_LIMIT,
        error_messages={"required": _("Say in a few words what you saw.")},
    )
    has_looked = forms.BooleanField(
        label=_("I looked myself, or asked who did."),
        error_messages={"required": _("Tick the box if you looked; else go back.")},
    )


class WithdrawForm(forms.Form):
    """Why a person's word does not stand."""

    remark = TextField(
        label=_("Why does it not stand?"),
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=REMARK_LIMIT,
        error_messages={"required": _("Say in a few words why.")},
    )


class EraseForm(forms.Form):
    """Which chat to erase, and for which case."""

    interaction = LineField(
        label=_("Chat id"),
        max_length=64,
        error_messages={"required": _("Write the id of the chat, as the history shows it.")},
    )
    why = LineField(
        label=_("Why (a case number, and nothing personal)"), max_length=200, required=False
    )
