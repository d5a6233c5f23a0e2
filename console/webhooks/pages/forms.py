"""Forms of the pages of webhooks. The services validate the values."""

from typing import ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from console.editing.forms import EditForm
from console.editing.revision import State
from console.editing.rotation import OVERLAPS, RotationForm, overlap_field
from console.text.form_fields import FilterForm, LineField
from console.webhooks.models import EventType, MessageStatus, Webhook
from console.webhooks.states import webhook_state


class WebhookForm(EditForm):
    """A webhook's name, address and events."""

    event_hints: ClassVar = {
        EventType.SEND_FINISHED: _("Nothing of it is open any more; with its counts by outcome."),
        EventType.SEND_CANCELLED: _("Nothing more of it leaves."),
        EventType.DELIVERIES_FAILED: _(
            "Nobody has seen the notice. One message for all of a send that failed together."
        ),
        EventType.DELIVERIES_UNKNOWN: _(
            "Nobody knows whether the customers have seen it. Grouped in the same way."
        ),
        EventType.DELIVERIES_RESOLVED: _(
            "A late answer, a line of a transcript or a person says what became of them."
        ),
        EventType.SEND_AWAITING_APPROVAL: _("Somebody else than its sender has to decide."),
        EventType.VERSION_SUBMITTED: _("Somebody else than its author has to decide."),
        EventType.PRESET_SUBMITTED: _("Somebody else than who proposes it has to decide."),
        EventType.INCIDENT_STARTED: _("A playbook begins to reach chats; with who and why."),
        EventType.INCIDENT_STAGE_STARTED: _("Its text takes the place of the stage before."),
        EventType.INCIDENT_OVERDUE: _(
            "The next stage was not started in the minutes that it says."
        ),
        EventType.INCIDENT_AWAITING_CONFIRMATION: _(
            "Somebody else than who started it has to confirm it."
        ),
        EventType.INCIDENT_UNCONFIRMED: _("It pauses, with its sends."),
        EventType.INCIDENT_CLOSED: _("No new chat gets a text of it; with the closing word."),
        EventType.PLAYBOOK_SUBMITTED: _("Somebody else than its author has to decide."),
        EventType.CHAT_SERVER_UNHEALTHY: _("The last attempt to reach it failed."),
        EventType.CHAT_SERVER_HEALTHY: _("After it could not be reached, or for the first time."),
    }

    name = LineField(
        label=_("Name"),
        max_length=100,
        error_messages={"required": _("Give the webhook a name.")},
    )
    url = LineField(
        label=_("Address"),
        max_length=2000,
        strip=True,
        widget=forms.TextInput(
            attrs={
                "type": "url",
                "spellcheck": "false",
                "autocapitalize": "off",
                "placeholder": "https://",
            }
        ),
        error_messages={"required": _("Give the address, for example https://example.com/hook.")},
        help_text=_("Where messages are posted. Redirects are not followed."),
    )
    events = forms.MultipleChoiceField(
        label=_("Tell it when"),
        choices=EventType.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one event.")},
    )

    def __init__(self, data: QueryDict | None = None, *, webhook: Webhook | None = None) -> None:
        super().__init__(data, state=None if webhook is None else webhook_state(webhook))

    def typed_state(self) -> State:
        typed = self.cleaned_data
        return {
            "name": typed.get("name", ""),
            "url": typed.get("url", ""),
            "events": sorted(typed.get("events", [])),
        }


class SecretForm(RotationForm):
    """A new secret, and how long the old one signs too."""

    overlap = overlap_field(
        _("The old secret"),
        (_("ends now"), _("signs, too, for an hour"), _("signs, too, for a day")),
        initial=OVERLAPS[2],
    )


class MessageFilterForm(FilterForm):
    status = forms.ChoiceField(
        label=_("State"),
        choices=[("", _("All states")), *MessageStatus.choices],
        required=False,
    )
