"""The form of a Chat Server."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from console.editing.forms import EditForm
from console.editing.revision import State
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_state
from console.text.form_fields import LineField


class ChatServerForm(EditForm):
    """A Chat Server and its limits; the defaults are the vendor's (docs/domain.md section 9)."""

    name = LineField(
        label=_("Chat Server (application name)"),
        max_length=128,
        error_messages={"required": _("Give the application name of the Chat Server.")},
        help_text=_("Exactly as interactions carry it in ChatServerAppName."),
    )
    url = LineField(
        label=_("Address"),
        max_length=500,
        error_messages={"required": _("Give the address, with its scheme, host and port.")},
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "off"}),
    )
    pace_per_second = forms.FloatField(
        label=_("Pace (messages a second)"), min_value=0.1, max_value=100_000, initial=50
    )
    burst = forms.IntegerField(
        label=_("Burst (messages at once)"), min_value=1, max_value=100_000, initial=150
    )
    window = forms.IntegerField(
        label=_("Window (requests in flight)"), min_value=1, max_value=1000, initial=32
    )
    connect_timeout_seconds = forms.FloatField(
        label=_("Time to connect (seconds)"), min_value=0.1, max_value=60, initial=5
    )
    request_timeout_seconds = forms.FloatField(
        label=_("Time to answer (seconds)"), min_value=0.1, max_value=120, initial=10
    )
    enabled = forms.BooleanField(
        label=_("Switched on"),
        required=False,
        initial=True,
        help_text=_(
            "Sends skip the chats of a Chat Server that is switched off. What waits for it already "
            "fails when its time to live is over. For maintenance hold it instead."
        ),
    )

    def __init__(self, data: QueryDict | None = None, *, server: ChatServer | None = None) -> None:
        super().__init__(data, state=None if server is None else chat_server_state(server))
        for field in self.fields.values():
            if isinstance(field, forms.IntegerField):  # FloatField is a subclass
                limits = {"low": field.min_value, "high": field.max_value}
                words = _("Give a number from %(low)s to %(high)s.") % limits
                names = ("required", "invalid", "min_value", "max_value")
                field.error_messages |= dict.fromkeys(names, words)
        schemes = ", ".join(f"{scheme}://host:port" for scheme in settings.CHAT_SERVER_SCHEMES)
        self.fields["url"].help_text = _("One of: %(schemes)s") % {"schemes": schemes}
        if server is not None:
            # A new name concerns all that goes by the old one: see console.sends.control.naming.
            del self.fields["name"]

    def typed_state(self) -> State:
        return {name: self.cleaned_data.get(name) for name in self.fields}

    def in_words(self, name: str, value: Any) -> str:
        return "" if value is None else super().in_words(name, value)


class NameChatForm(forms.Form):
    """Which live chat to name as a test chat."""

    interaction = LineField(
        label=_("Chat id"),
        max_length=64,
        error_messages={"required": _("Write the id of a live chat.")},
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "off"}),
    )
