"""Fields that take JSON's own types and no look-alikes: "5" is no number, 1 is not true.

`described` gives the OpenAPI document what the service behind a field checks, where the service
has a code and a sentence of its own for what is wrong.
"""

from typing import Any, TypeVar, cast

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

F = TypeVar("F", bound=type[serializers.Field[Any, Any, Any, Any]])


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Choice(serializers.ChoiceField):
    """Described by its choices; the service says what is wrong with another."""

    def to_internal_value(self, data: Any) -> str:
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


class Texts(serializers.ListField):
    """A list of texts."""

    child = Text()


def described(field: F, **schema: Any) -> F:
    """The class `field`, with these words of JSON Schema in the OpenAPI document."""
    return cast(F, extend_schema_field(schema)(type(field.__name__, (field,), {})))
