"""Of something that several people may edit: its state, and whether that is still what one saw."""

import hashlib
import json
from typing import Any

from console.errors import Conflict

# What can be edited of something, as plain data: what JSON has.
State = dict[str, Any]

# The codes by which a service says that somebody else is at the same thing, and whether saving
# again puts what was typed in its place.
CONFLICTS = {
    "changed_meanwhile": True,
    "change_open": False,
    "version_open": False,
    "not_author": False,
    "wrong_status": False,
}


def revision(state: State) -> str:
    """The same for the same state, else another: a page names the one that it was filled with."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def changes(before: State, after: State) -> dict[str, dict[str, Any]]:
    """What differs, each with its `from` and `to`."""
    return {
        name: {"from": before[name], "to": value}
        for name, value in after.items()
        if before[name] != value
    }


def require_unchanged(state: State, expected: str | None, what: str) -> None:
    """Raise Conflict unless `expected` is the revision of `state`; None expects nothing."""
    if expected is not None and revision(state) != expected:
        raise Conflict(
            "changed_meanwhile",
            f"Not saved: somebody else has changed {what} since you opened this page. What is kept "
            "now stands beside each field that differs. Save again to replace it with yours.",
        )
