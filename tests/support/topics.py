"""What open pages are notified of."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from console.database import committing, notifications


@contextmanager
def published() -> Iterator[list[str]]:
    """The topics that are published meanwhile, in order."""
    topics: list[str] = []
    publish = committing.execute_with_commit

    def note(sql: str, values: Sequence[Any]) -> None:
        topics.extend(values[1])
        publish(sql, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notifications, "execute_with_commit", note)
        yield topics
