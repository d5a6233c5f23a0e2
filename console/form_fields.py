"""What people type, as forms take it: of what nobody would see anything, it is empty, and a line is
a line. The services hold both too (console.inputs)."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from console.text import is_blank, is_one_line


class TextField(forms.CharField):
    """Text of several lines."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return self.empty_value if isinstance(text, str) and is_blank(text) else text


class LineField(TextField):
    """Text for a place of one line."""

    default_error_messages = {
        "not_one_line": _("It stands on one line: take line breaks and control characters out."),
    }

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not is_one_line(value):
            raise ValidationError(self.error_messages["not_one_line"], code="not_one_line")
