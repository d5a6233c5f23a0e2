"""The filters of the history, and what is asked before something is done with a send."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from console.sends.models import DeliveryStatus


class HistoryForm(forms.Form):
    """What to look for. The names are those of DeliveryFilter."""

    q = forms.CharField(label=_("Text or customer"), max_length=255, required=False)
    status = forms.ChoiceField(
        label=_("Outcome"),
        choices=[("", _("All outcomes")), *DeliveryStatus.choices],
        required=False,
    )
    notice = forms.CharField(label=_("Notice (key)"), max_length=100, required=False)
    actor = forms.CharField(label=_("Sent by"), max_length=200, required=False)
    interaction = forms.CharField(label=_("Chat id"), max_length=64, required=False)
    chat_server = forms.CharField(label=_("Chat Server"), max_length=128, required=False)
    since = forms.DateTimeField(
        label=_("From"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    until = forms.DateTimeField(
        label=_("Until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def to_mapping(self) -> dict[str, Any]:
        """What is set, as DeliveryFilter reads it: times as ISO 8601 with their zone."""
        filled = {name: value for name, value in self.cleaned_data.items() if value}
        for name in ("since", "until"):
            if name in filled:
                filled[name] = filled[name].isoformat()
        return filled

    @property
    def is_filled(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


class ReasonForm(forms.Form):
    """Why, in words for those whom it concerns."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"autofocus": True}), max_length=2000)

    def __init__(self, *args: Any, label: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reason"]
        field.label = label
        field.error_messages["required"] = str(_("Say why: others need to know."))
