"""The incident that the tests of pages, API and file share: payments fail, and sales has chats."""

from collections.abc import Callable
from typing import Any

from console.accounts.models import User
from console.incidents.models import Incident, Playbook
from console.incidents.services.incidents import incident_start
from tests.support.factories import make_playbook

SALES = {"queue": "sales"}
KNOWN = {"name": "Known", "notice": "known", "is_standing": True, "update_minutes": 15}
UPDATE = {"name": "Update", "notice": "update", "reach": "got_earlier", "is_standing": True}
SOLVED = {"name": "Solved", "notice": "solved", "reach": "got_earlier"}
FIRST = "We know that payments fail."


def make_payments(make_notice: Callable[..., Any], **of: Any) -> Playbook:
    make_notice(FIRST, key="known")
    make_notice("We are still on it.", key="update")
    make_notice("Payments work again.", key="solved")
    return make_playbook("payments", SALES, KNOWN, UPDATE, SOLVED, **of)


def start(user: User, playbook: Playbook, **given: Any) -> Incident:
    return incident_start(user.to_actor(), playbook, why="Payments fail since 10:00.", **given)


def hidden(html: str, name: str) -> str:
    """The value of a hidden field in a page."""
    part = html.split(f'name="{name}" value="', 1)
    return part[1].split('"', 1)[0] if len(part) == 2 else ""
