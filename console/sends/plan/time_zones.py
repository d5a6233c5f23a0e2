"""Choosing a time on the clocks of a time zone."""

from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.text.moments import read_iso

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
