"""The form of a saved view."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from console.accounts.models import Team
from console.editing.forms import EditForm
from console.editing.revision import State
from console.errors import ConsoleError
from console.interactions.audience.audience import Audience
from console.interactions.audience.values import TEXT_MOST
from console.interactions.models import SavedView
from console.interactions.services import saved_view_state
from console.interactions.view_models import LONGEST_WAITING_FIRST
from console.text.form_fields import LineField, TextField

SORTS = [
    (LONGEST_WAITING_FIRST, _("Longest waiting first")),
    ("waiting", _("Shortest waiting first")),
    ("customer", _("Customer")),
    ("-customer", _("Customer, from the end")),
    ("queue", _("Queue")),
    ("-queue", _("Queue, from the end")),
    ("locale", _("Language")),
    ("-locale", _("Language, from the end")),
    ("agent", _("Agent")),
    ("-agent", _("Agent, from the end")),
    ("chat_server", _("Chat Server")),
    ("-chat_server", _("Chat Server, from the end")),
]


def text_of(kept: Any) -> str:
    """Return the text form of an audience that was saved; "" if it can't be read any more."""
    try:
        return Audience.from_mapping(kept).to_text()
    except ConsoleError:
        return ""


class SavedViewForm(EditForm):
    """A view's name, its conditions as a text, and its order. A new one has a team or none."""

    name = LineField(
        label=_("Name"),
        max_length=100,
        error_messages={"required": _("Give the view a name.")},
    )
    team = forms.ModelChoiceField(
        label=_("For"), queryset=Team.objects.none(), required=False, empty_label=_("Only me")
    )
    audience = TextField(
        label=_("Conditions"),
        max_length=TEXT_MOST,
        error_messages={
            "required": _("Say which chats, for example queue:billing, or everyone for all."),
        },
        widget=forms.Textarea(
            attrs={"rows": 3, "class": "mono", "spellcheck": "false", "autocapitalize": "off"}
        ),
    )
    sort = forms.ChoiceField(label=_("Order"), choices=SORTS)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        view: SavedView | None = None,
        teams: QuerySet[Team] | None = None,
        proposed: dict[str, str] | None = None,
    ) -> None:
        """`proposed` are values that the board's list has now."""
        given = dict(proposed or {})
        if view is None:
            super().__init__(data, initial=given)
        else:
            kept = {"audience": text_of(view.audience)}
            super().__init__(data, state=saved_view_state(view), initial=kept | given)
        if view is None and teams is not None and teams.exists():
            self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        else:
            del self.fields["team"]

    def clean_audience(self) -> Audience:
        try:
            return Audience.from_text(self.cleaned_data["audience"])
        except ConsoleError as refusal:
            raise forms.ValidationError(refusal.message) from refusal

    def typed_state(self) -> State:
        typed = self.cleaned_data
        audience = typed.get("audience")
        return {
            "name": typed.get("name", ""),
            "audience": audience.to_mapping() if audience else {},
            "sort": typed.get("sort", ""),
        }

    def in_words(self, name: str, value: Any) -> str:
        return text_of(value) if name == "audience" else super().in_words(name, value)
