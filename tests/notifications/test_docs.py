"""docs/notifications.md: its kinds and figures are the code's."""

import re
from typing import Any

from console.notifications.kinds import KINDS
from console.notifications.services import attempts, upkeep
from console.site import environment as env
from tests.support.demos import ROOT

PAGE = (ROOT / "docs" / "notifications.md").read_text("utf-8")
SAID = " ".join(PAGE.split())


def test_the_page_has_every_kind() -> None:
    assert set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", PAGE, re.MULTILINE)) == set(KINDS)


def test_its_figures_are_the_codes(settings: Any) -> None:
    assert attempts.RETRIES == (30, 120, 600, 1800, 3600)
    assert "tried again after 30 seconds, 2, 10 and 30 minutes, and then every hour" in SAID
    assert f"After {attempts.OLDEST.total_seconds() / 3600:.0f} hours it has failed." in SAID
    assert f"**Kept for {upkeep.KEPT.days} days**" in SAID
    assert upkeep.TESTS == 3
    assert f"at most three in {'ten'} minutes" in SAID
    assert upkeep.TESTS_SECONDS == 600
    assert f"| {settings.REMIND_AFTER} minutes | `CONSOLE_REMIND_AFTER` |" in PAGE
    assert f"| {settings.ESCALATE_AFTER} minutes | `CONSOLE_ESCALATE_AFTER` |" in PAGE


def test_its_settings_are_known() -> None:
    assert set(re.findall(r"CONSOLE_[A-Z_]+", PAGE)) <= env.known
