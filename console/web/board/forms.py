"""The form of the compose panel."""

import secrets
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.actors import Actor
from console.catalogue.pages.questions import questions_of, typed_answers
from console.catalogue.selectors import sendable_versions, usable_preset_get
from console.database.clock import database_now
from console.errors import InvalidInput
from console.sends.plan.promise import WRITTEN_LIMIT
from console.sends.plan.schedule import moment, require_near_future
from console.sends.plan.values import CANARY_MINUTES_MOST, Canary, SendOrder
from console.text.form_fields import ClockField, LineField, TextField, ZoneSelect
from console.web.board.chosen import read_sent_to

# An audience of any length, as it stands in an address.
FILTERS_LIMIT = 20_000


class ComposeForm(forms.Form):
    """A notice, its visibility, and the chats.

    The chats come one by one (`interaction`), as one field of ids separated by spaces
    (`interactions`), or as all matches of the board's `filters` (`everything`), which are the query
    string of its address.
    """

    notice = LineField(
        max_length=100, error_messages={"required": _("Choose the notice that you want to send.")}
    )
    preset = forms.IntegerField(required=False)
    nickname = LineField(
        label=_("Nickname"),
        max_length=100,
        required=False,
        widget=forms.Select(choices=[("", _("As the notice says"))]),
    )
    # Only if the site lets senders choose their own.
    own_nickname = LineField(
        label=_("Another nickname"),
        max_length=100,
        required=False,
        help_text=_("Somebody else has to approve the send then."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    why = LineField(
        label=_("Why"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": _("For the history")}),
    )
    when = forms.ChoiceField(
        choices=[("now", _("Now")), ("later", _("Later"))], required=False, initial="now"
    )
    later = ClockField(label=_("Date and time"), required=False)
    time_zone = LineField(label=_("Time zone"), max_length=64, required=False, widget=ZoneSelect)
    # To how many chats it goes first, and after how many minutes it goes on by itself.
    canary_size = forms.IntegerField(
        label=_("First to so many chats"),
        required=False,
        min_value=1,
        max_value=100_000,
        help_text=_("It pauses then. Empty: to all at once."),
    )
    canary_minutes = forms.IntegerField(
        label=_("Go on by itself after minutes"),
        required=False,
        min_value=1,
        max_value=CANARY_MINUTES_MOST,
        help_text=_("Empty: when you press Resume."),
    )
    # Also send to chats that got the same notice a short while ago.
    allow_repeat = forms.BooleanField(required=False)
    idempotency_key = LineField(max_length=100)
    # The promise of the preview beside the button (console.sends.plan.promise).
    expected_plan = LineField(max_length=WRITTEN_LIMIT, required=False)
    # The chat whose page this is on.
    chat = LineField(max_length=64, required=False)
    everything = forms.BooleanField(required=False)
    filters = TextField(max_length=FILTERS_LIMIT, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("idempotency_key", secrets.token_urlsafe(16))

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if not given.get("when") and given.get("later"):
            self.add_error("later", _("Say whether it leaves now, or at this time."))
        if self.is_later and not given.get("later") and "later" not in self.errors:
            self.add_error("later", self.fields["later"].error_messages["required"])
        if given.get("canary_minutes") and not given.get("canary_size"):
            self.add_error("canary_size", _("Say to how many chats it goes first."))
        if given.get("nickname") and given.get("own_nickname"):
            self.add_error("own_nickname", _("Choose a nickname, or write one: not both."))
        return given

    @property
    def is_later(self) -> bool:
        """Whether the send has a time of its own. Without scripts both choices are on the form."""
        return bool(self["when"].value() == "later")

    @property
    def says_more(self) -> bool:
        """Whether a folded field has a value or an error."""
        folded = [self[name] for name in ("nickname", "own_nickname", "why")]
        return any(bound.value() or bound.errors for bound in folded)

    def renewed(self) -> "ComposeForm":
        """Return a copy for another send, with its own idempotency key."""
        data = cast(QueryDict, self.data).copy()
        data["idempotency_key"] = secrets.token_urlsafe(16)
        return ComposeForm(data)

    @property
    def selected(self) -> list[str]:
        """The ids of the chats, in the order of the request, each once."""
        if not isinstance(self.data, QueryDict):
            return list(self.initial.get("interactions", ()))
        joined = self.data.get("interactions", "").split()
        return list(dict.fromkeys([*self.data.getlist("interaction"), *joined]))

    @property
    def selected_count(self) -> int:
        return len(self.selected)

    @property
    def leave_out(self) -> list[str]:
        """The LeaveOut choices: which chats without a text in their own language to skip."""
        return self.data.getlist("leave_out") if isinstance(self.data, QueryDict) else []

    @property
    def of_chat(self) -> str:
        """The chat whose page the form is on, or "" on the board."""
        return str(self["chat"].value() or "")

    @property
    def keeps(self) -> str:
        """Under which name the browser keeps what is not sent: each page has its own."""
        return f"compose {self.of_chat}" if self.of_chat else "compose"

    @property
    def notice_key(self) -> str:
        """The key of the chosen notice, or ""."""
        return str(self["notice"].value() or "")

    @property
    def has_targets(self) -> bool:
        return bool(self.data.get("everything") or self.selected)

    def offer_nicknames(self, choices: list[tuple[str, str]]) -> None:
        """Offer the nicknames that the person may use. Another one needs CONSOLE_FREE_NICKNAMES."""
        self.fields["nickname"].widget.choices = choices

    def order(self, actor: Actor) -> SendOrder:
        """Return the order.

        Raises NotFound and InvalidInput, also for a time that has passed or that the clocks of its
        zone never show.
        """
        given = self.cleaned_data
        nickname = given["own_nickname"] or given["nickname"] or None
        visibility = None
        if given.get("preset"):
            preset = usable_preset_get(actor, given["preset"])
            visibility = preset.visibility
            nickname = nickname or preset.nickname or None
        scheduled_at = None
        if self.is_later:
            scheduled_at = moment(given["later"], self.zone)
            require_near_future(scheduled_at, database_now())
        return SendOrder(
            notice_key=given["notice"],
            **self._chats(),
            visibility=visibility,
            nickname=nickname,
            answers=typed_answers(self.data, given["notice"]),
            why=given["why"],
            scheduled_at=scheduled_at,
            time_zone=self.zone or None,
            ignore_recent=given["allow_repeat"],
            leave_out=self.leave_out,
            idempotency_key=given["idempotency_key"],
            undo_seconds=settings.UNDO_SECONDS,
            expected_plan=self.data.get("expected_plan"),
            canary=self._canary(),
        )

    @property
    def is_canary(self) -> bool:
        """Whether the fields of a canary have a value or an error."""
        bound = [self[name] for name in ("canary_size", "canary_minutes")]
        return any(field.value() or field.errors for field in bound)

    def _canary(self) -> Canary | None:
        given = self.cleaned_data
        size = given.get("canary_size")
        return Canary(size, given.get("canary_minutes")) if size else None

    def _chats(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("everything"):
            if not given["filters"]:  # even without filters it has the list's order
                raise InvalidInput(
                    "no_targets", "The filters are gone. Choose the chats again on the board."
                )
            return read_sent_to(QueryDict(given["filters"]))
        if not self.selected:
            raise InvalidInput("no_targets", "Choose at least one chat on the board.")
        return {"interactions": self.selected}

    @property
    def zone(self) -> str:
        """The zone of the chosen time; "" without a time."""
        if not self.is_later:
            return ""
        return self.cleaned_data["time_zone"] or timezone.get_default_timezone_name()


def questions(
    actor: Actor,
    notice_key: str,
    data: Mapping[str, Any],
    refused: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the context of `board/_answers.html`. `refused` has the error by field."""
    sendable = sendable_versions(actor).filter(notice__key=notice_key)
    chosen = sendable.first() if notice_key else None
    typed = typed_answers(data, notice_key)
    return {
        "answers_for": notice_key,
        "questions": questions_of(chosen, typed, refused or {}) if chosen else [],
    }
