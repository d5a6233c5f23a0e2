"""What the compose panel takes."""

import secrets
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from console.actors import Actor
from console.catalogue.selectors import usable_preset_get
from console.errors import InvalidInput
from console.interactions.selectors import InteractionFilter

FILTERS = tuple(InteractionFilter.__dataclass_fields__)


def read_filter(query: QueryDict) -> InteractionFilter:
    """The board's filter in a query string; other parameters are not its business."""
    return InteractionFilter.from_mapping({name: query[name] for name in FILTERS if name in query})


class ComposeForm(forms.Form):
    """A notice, who sees it, and for which chats.

    The chats come one by one (`interaction`), as one field of ids with spaces between
    (`interactions`), or as all that match the board's `filters` (`everything`).
    """

    notice = forms.CharField(
        max_length=100, error_messages={"required": _("Choose the notice that you want to send.")}
    )
    preset = forms.IntegerField(required=False)
    nickname = forms.CharField(
        label=_("Nickname"),
        max_length=100,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "placeholder": _("As the notice says")}
        ),
    )
    why = forms.CharField(
        label=_("Why"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("For the history")}),
    )
    idempotency_key = forms.CharField(max_length=100)
    # How many chats the button spoke of: nothing is sent when it has become another number.
    expected_plan = forms.CharField(max_length=64, required=False)
    everything = forms.BooleanField(required=False)
    filters = forms.CharField(max_length=4000, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("idempotency_key", secrets.token_urlsafe(16))

    def renewed(self) -> "ComposeForm":
        """The same again as another send, with a key of its own."""
        data = cast(QueryDict, self.data).copy()
        data["idempotency_key"] = secrets.token_urlsafe(16)
        return ComposeForm(data)

    @property
    def selected(self) -> list[str]:
        """The ids of the chats, in the order in which they were sent, each once."""
        if not isinstance(self.data, QueryDict):
            return []
        joined = self.data.get("interactions", "").split()
        return list(dict.fromkeys([*self.data.getlist("interaction"), *joined]))

    @property
    def selected_count(self) -> int:
        return len(self.selected)

    @property
    def has_targets(self) -> bool:
        return bool(self.data.get("everything") or self.selected)

    def to_request(self, actor: Actor) -> dict[str, Any]:
        """The arguments of `send_preview`. Raises InvalidInput, NotFound."""
        given = self.cleaned_data
        request: dict[str, Any] = {"notice_key": given["notice"]}
        if given.get("everything"):
            request["filter"] = read_filter(QueryDict(given.get("filters", "")))
        elif self.selected:
            request["interactions"] = self.selected
        else:
            raise InvalidInput("no_targets", str(_("Choose at least one chat on the board.")))
        nickname = given.get("nickname") or None
        if given.get("preset"):
            preset = usable_preset_get(actor, given["preset"])
            request["visibility"] = preset.visibility
            nickname = nickname or preset.nickname or None
        request["nickname"] = nickname
        return request
