"""For the tests of the poller."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest


@pytest.fixture
def poll_settings(settings: Any) -> Callable[..., None]:
    """Change the poller's settings. One clock is enough here, so there is no margin."""

    def change(**changes: Any) -> None:
        settings.POLL = replace(settings.POLL, **changes)

    change(clock_margin=0)
    return change
