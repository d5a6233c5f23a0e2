"""Form fields for text, moments and filters.

Invisible input counts as empty, and a line has no line breaks. The services check both too
(console.text.inputs).
"""

from datetime import datetime
from functools import cache
from typing import Any, ClassVar, TypeVar
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.text.moments import is_time, read_iso
from console.text.visible import is_blank, is_one_line

M = TypeVar("M", bound=Model)


class TextField(forms.CharField):
    """Text of several lines."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return self.empty_value if isinstance(text, str) and is_blank(text) else text


class LineField(TextField):
    """Text of one line."""

    default_error_messages = {
        "not_one_line": _("It stands on one line: take line breaks and control characters out."),
    }

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not is_one_line(value):
            raise ValidationError(self.error_messages["not_one_line"], code="not_one_line")


class MomentField(forms.DateTimeField):
    """Date and time in the form of `datetime-local`, on the site's clocks.

    Other forms, such as 03/04/2026, are ambiguous.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    default_error_messages = {"invalid": _("Write date and time as 2026-01-31T12:00.")}

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip() and not self.is_read(value.strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)

    def is_read(self, text: str) -> bool:
        return is_time(text)


class SinceField(MomentField):
    """A MomentField for filters: a date alone means its first moment."""

    def is_read(self, text: str) -> bool:
        return read_iso(text) is not None


class FilterForm(forms.Form):
    """Filters in an address. An invalid filter finds nothing, rather than everything."""

    # Messages by Django's error codes; each follows the field's label and a colon.
    words: ClassVar = {
        "max_length": _("write at most %(limit_value)d characters."),
        "min_value": _("the smallest number is %(limit_value)d."),
        "max_value": _("the largest number is %(limit_value)d."),
        "null_characters_not_allowed": _("take the control characters out."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages |= self.words
            if isinstance(field, forms.ChoiceField):
                field.error_messages["invalid_choice"] = _(
                    "there is no “%(value)s”. Choose one of the list."
                )
            elif isinstance(field, forms.IntegerField):
                field.error_messages["invalid"] = _("write a whole number.")

    def full_clean(self) -> None:
        """Add an unknown choice to its list, so that no other one seems to be chosen."""
        super().full_clean()
        for name in self.errors:
            field, given = self.fields[name], self[name].data
            if isinstance(field, forms.ChoiceField):
                listed: Any = field.choices
                field.choices = [*listed, (given, given)]

    @property
    def error(self) -> str:
        """The error messages with the fields' labels; "" if there are none."""
        return " ".join(
            f"{self.fields[name].label}: {problem}"
            for name, problems in self.errors.items()
            for problem in problems
        )

    @property
    def chosen(self) -> dict[str, Any]:
        return dict(self.cleaned_data) if self.is_valid() else {}

    @property
    def is_filled(self) -> bool:
        return any(self.data.get(name) for name in self.fields)

    @property
    def http_status(self) -> int:
        """The status of the response with the results."""
        return 200 if self.is_valid() else 422

    def only(self, found: QuerySet[M, M]) -> QuerySet[M, M]:
        """Return what was found with `chosen`, or nothing if a filter is invalid."""
        return found if self.is_valid() else found.none()


REGIONS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe"),
    *("Indian", "Pacific"),
)


class ClockField(forms.Field):
    """A date and time as clocks show them, without a zone."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "60"})
    default_error_messages = {
        "required": _("Choose the date and the time."),
        "invalid": _("Write date and time as 2026-01-31T12:00."),
    }

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        found = read_iso(str(value).strip())
        if not isinstance(found, datetime) or found.tzinfo is not None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return found


class ZoneSelect(forms.Select):
    """All zones by region, preceded by the one in use. zones.js adds the browser's zone there."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        chosen = str(value or timezone.get_default_timezone_name())
        given = self.build_attrs({**self.attrs, "name": name}, attrs)
        if not value:
            given["data-own-zone"] = ""
        return format_html(
            '<select{}><optgroup label="{}"><option value="{}" selected>{}</option></optgroup>'
            "{}</select>",
            format_html_join("", ' {}="{}"', given.items()),
            _("In use"),
            chosen,
            _label(chosen),
            _all_zones(),
        )


def _label(zone: str) -> str:
    return zone.replace("_", " ")


@cache
def _all_zones() -> SafeString:
    names = sorted(available_timezones())
    groups = [(region, [n for n in names if n.startswith(f"{region}/")]) for region in REGIONS]
    return format_html_join(
        "",
        '<optgroup label="{}">{}</optgroup>',
        ((region, _options(zones)) for region, zones in [*groups, ("UTC", ["UTC"])]),
    )


def _options(zones: list[str]) -> SafeString:
    return format_html_join(
        "", '<option value="{}">{}</option>', ((zone, _label(zone)) for zone in zones)
    )
