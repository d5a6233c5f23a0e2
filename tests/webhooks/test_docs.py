"""docs/webhooks.md: what a receiver is told to do works, and what it is told of is all there is."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from console.webhooks import signing
from console.webhooks.models import TEST, EventType
from console.webhooks.services.attempts import RETRIES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text("utf-8")
BODY = b'{"type":"webhook.test"}'


@pytest.fixture
def verify() -> Callable[..., bool]:
    """The example, as somebody copies it from the page."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    copied: dict[str, Any] = {}
    exec(compile(example, "webhooks.md", "exec"), copied)
    verify: Callable[..., bool] = copied["verify"]
    return verify


def signed(*secrets: str, age: float = 0) -> dict[str, str]:
    at = timezone.now() - timedelta(seconds=age)
    return signing.signed_headers(secrets, webhook_id="msg_1", at=at, body=BODY)


def test_the_example_takes_what_is_ours_and_nothing_else(verify: Callable[..., bool]) -> None:
    old, new, other = (signing.new_secret() for _ in range(3))
    assert verify(new, signed(new), BODY)
    assert verify(old, signed(new, old), BODY)
    assert not verify(other, signed(new, old), BODY)
    assert not verify(new, signed(new), BODY + b" ")
    assert not verify(new, signed(new) | {"webhook-id": "msg_2"}, BODY)
    assert not verify(new, signed(new, age=301), BODY)
    assert verify(new, signed(new, age=200), BODY)


def test_the_page_has_every_event() -> None:
    assert set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", PAGE, re.MULTILINE)) == {
        *EventType.values,
        TEST,
    }


def test_the_page_says_when_it_is_tried_again() -> None:
    assert (5, 30, *(60 * n for n in (2, 10, 30)), *(3600 * n for n in (2, 6, 12, 12))) == RETRIES
    said = " ".join(PAGE.split())
    assert "after 5 seconds, 30 seconds, 2, 10 and 30 minutes, 2, 6, 12 and 12 hours" in said
