"""Filling in texts in tests, for chats of any language and zone."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from console.catalogue.templating.rendering import RenderingRefused, renderer
from tests.catalogue.test_rendering import Chat

# In Berlin this is 30 November, one hour ahead of UTC.
NOW = datetime(2026, 11, 29, 23, 30, 15, tzinfo=UTC)


def filled(
    template: str,
    value: Any = None,
    *,
    locale: str = "en",
    chat_locale: str = "",
    kind: str = "message",
    fields: dict[str, Any] | None = None,
    **data: Any,
) -> str:
    """The text in this language; `value` is data.V."""
    render = renderer(
        kind, template, sender_name="Sue", now=NOW, fields=fields or {}, locale=locale
    )
    chat = Chat({"V": value, **data}, locale=chat_locale or locale, received_at=NOW)
    return render(chat)


def refused(template: str, value: Any = None, **more: Any) -> RenderingRefused:
    with pytest.raises(RenderingRefused) as error:
        filled(template, value, **more)
    return error.value


def filled_or_none(template: str, value: Any = None, **more: Any) -> str | None:
    """None where the chat is skipped; anything else that goes wrong is a defect."""
    with suppress(RenderingRefused):
        return filled(template, value, **more)
    return None
