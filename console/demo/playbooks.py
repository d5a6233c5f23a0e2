"""The demo's playbook: what Harbour & Wick tells its customers when orders can't be looked up."""

from typing import Any

KEY = "orders-down"
TITLE = "Orders can't be looked up"
AUDIENCE = {"queue": ["sales", "returns"]}
STAGES: tuple[dict[str, Any], ...] = (
    {"name": "Known", "notice": "long-wait", "is_standing": True, "update_minutes": 15},
    {
        "name": "Update",
        "notice": "callback-offer",
        "reach": "got_earlier",
        "is_standing": True,
        "update_minutes": 30,
    },
    {"name": "Solved", "notice": "agent-soon", "reach": "got_earlier"},
)
