"""Fields that take JSON's own types and no look-alikes: "5" is no number, 1 is not true.

`described` gives the OpenAPI document what the service behind a field checks, where the service
has a code and a sentence of its own for what is wrong.
"""

from datetime import datetime
from typing import Any, TypeVar, cast

from django.core.validators import RegexValidator
from django.utils.timezone import get_default_timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.api.serializers.values import reference
from console.text.moments import is_time, on_clocks
from console.text.sentences import Sentence, plain_params
from console.text.visible import CONTROLS, is_blank

F = TypeVar("F", bound=type[serializers.Field[Any, Any, Any, Any]])


EMPTY = "This is empty. Give a value, or leave the field out where it may be left out."


NOT_ONE_LINE = "It stands on one line: take the line breaks and control characters out."
ONE_LINE = rf"^[^{CONTROLS}]*\Z"
# For the OpenAPI document: one line that is not blank.
FILLED_LINE = rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"


class Text(serializers.CharField):
    """Of what people see nothing of, an invisible character too, it is empty."""

    default_error_messages = {"blank": EMPTY, "null": EMPTY}

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and is_blank(data):
            data = ""
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Line(Text):
    """A text for a place of one line. The OpenAPI document takes the pattern from the validator."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(RegexValidator(ONE_LINE, NOT_ONE_LINE, code="not_one_line"))


class Choice(serializers.ChoiceField):
    """Described by its choices; the service says what is wrong with another."""

    default_error_messages = {"blank": EMPTY, "null": EMPTY}

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and is_blank(data):
            self.fail("blank")
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return data


class Whole(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, (bool, str)):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, (bool, str)):
            self.fail("invalid")
        return super().to_internal_value(data)


class Truth(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Moment(serializers.DateTimeField):
    """A time as ISO 8601 has it. A date alone is none; one without an offset is on the clocks of
    the console's zone, and refused where these never show it, or show it twice."""

    def to_internal_value(self, value: Any) -> datetime:
        if not is_time(value):
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]")
        return super().to_internal_value(value)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            zone: Any = get_default_timezone()
            value = on_clocks(value, zone, field=str(self.field_name))
        return super().enforce_timezone(value)


class Texts(serializers.ListField):
    """A list of texts."""

    child = Line()


def described(field: F, **schema: Any) -> F:
    """The class `field`, with these words of JSON Schema in the OpenAPI document."""
    return cast(F, extend_schema_field(schema)(type(field.__name__, (field,), {})))


class AsItIs(serializers.Field[Any, Any, Any, Any]):
    """JSON that is answered as it is kept."""

    def to_representation(self, value: Any) -> Any:
        return value


def named(component: str) -> type[AsItIs]:
    """JSON that the OpenAPI document describes under this name (console.api.serializers.values)."""
    return described(AsItIs, **reference(component))


class CodeOf(serializers.CharField):
    """The code of a sentence; empty for words that were stored before there were codes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, help_text="The sentence's code; empty: none.", **kwargs)

    def get_attribute(self, instance: Any) -> str:
        return super().get_attribute(instance) or ""

    def to_representation(self, value: Any) -> str:
        return value.code if isinstance(value, Sentence) else ""


@extend_schema_field(reference("JsonObject"))
class ParamsOf(serializers.Field[Any, Any, Any, Any]):
    """What a sentence names, each by what it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, help_text="What the sentence names.", **kwargs)

    def get_attribute(self, instance: Any) -> str:
        return super().get_attribute(instance) or ""

    def to_representation(self, value: Any) -> dict[str, Any]:
        return plain_params(value.params) if isinstance(value, Sentence) else {}
