"""A column of text that stores sentences as their code and parameters."""

from typing import TYPE_CHECKING, Any

from django.db import models

from console.text.sentences import read_stored, stored

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField


class SentenceField(_TextField):
    """A field whose values are read as Sentences, or as plain text if they were stored before there
    were codes.

    The database sees a plain column of text, and migrations see a TextField.
    """

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def from_db_value(self, value: str | None, _expression: object, _connection: object) -> Any:
        return None if value is None else read_stored(value)

    def get_prep_value(self, value: Any) -> Any:
        return stored(value) if isinstance(value, str) else super().get_prep_value(value)
