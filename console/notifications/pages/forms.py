"""Forms of a person's notifications. The services validate the values."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from console.accounts.models import User
from console.actors import Actor
from console.notifications.kinds import kinds_of
from console.notifications.models import Preferences, Way
from console.notifications.selectors import own_preferences, stand_in_choices
from console.text.form_fields import LineField, MomentField, ZoneSelect


class PreferencesForm(forms.Form):
    """One row of check boxes for each kind on which the person may decide, and quiet hours."""

    quiet_from = forms.TimeField(
        label=_("From"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": _("Write a time as 22:00.")},
    )
    quiet_to = forms.TimeField(
        label=_("Until"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": _("Write a time as 07:00.")},
    )
    time_zone = LineField(label=_("Time zone"), max_length=64, required=False, widget=ZoneSelect)

    def __init__(self, actor: Actor, data: QueryDict | None = None) -> None:
        self.kinds = kinds_of(actor)
        self._kept = own_preferences(actor)
        super().__init__(data, initial=self._filled(self._kept))
        for number, kind in enumerate(self.kinds):
            self.fields[f"kind_{number}"] = forms.MultipleChoiceField(
                label=str(kind.label),
                choices=Way.choices,
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )

    def _filled(self, kept: Preferences) -> dict[str, Any]:
        chosen = {
            f"kind_{number}": [way for way in Way.values if kept.wants(kind.name, way)]
            for number, kind in enumerate(self.kinds)
        }
        return chosen | {
            "quiet_from": kept.quiet_from,
            "quiet_to": kept.quiet_to,
            "time_zone": kept.time_zone,
        }

    @property
    def kind_fields(self) -> list[forms.BoundField]:
        return [self[f"kind_{number}"] for number, _kind in enumerate(self.kinds)]

    @property
    def values(self) -> dict[str, Any]:
        """What `preferences_update` takes. Choices for kinds that are not shown stay."""
        shown = {kind.name for kind in self.kinds}
        declined = [each for each in self._kept.declined if each.split(" ")[0] not in shown]
        for number, kind in enumerate(self.kinds):
            wanted = self.cleaned_data[f"kind_{number}"]
            declined += [f"{kind.name} {way}" for way in Way.values if way not in wanted]
        names = ("quiet_from", "quiet_to", "time_zone")
        return {"declined": declined, **{name: self.cleaned_data[name] for name in names}}


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: User) -> str:
        return f"{obj} ({obj.username})"


class StandInForm(forms.Form):
    stand_in = PersonField(
        queryset=User.objects.none(),
        label=_("Who"),
        empty_label=_("Choose a person"),
        error_messages={"required": _("Choose who hears it in your stead.")},
    )
    begins_at = MomentField(label=_("From"), error_messages={"required": _("Say when it begins.")})
    ends_at = MomentField(label=_("Until"), error_messages={"required": _("Say when it ends.")})

    def __init__(self, actor: Actor, data: QueryDict | None = None) -> None:
        super().__init__(data, prefix="stand-in")
        self.fields["stand_in"].queryset = stand_in_choices(actor)  # type: ignore[attr-defined]
