"""The editable state of a thing, and whether it is still the one that the editor saw."""

import hashlib
import json
from typing import Any

from console.errors import Conflict

# The editable columns of a thing, as JSON values.
State = dict[str, Any]

# Error codes of services for an edit conflict, and whether saving again replaces the saved state.
CONFLICTS = {
    "changed_meanwhile": True,
    "change_open": False,
    "version_open": False,
    "not_author": False,
    "wrong_status": False,
}


def revision(state: State) -> str:
    """Return the SHA-256 of a state. A form carries that of the state that it was filled with."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def changes(before: State, after: State) -> dict[str, dict[str, Any]]:
    """Return the differences, each with its `from` and `to`."""
    return {
        name: {"from": before[name], "to": value}
        for name, value in after.items()
        if before[name] != value
    }


def require_unchanged(state: State, expected: str | None, what: str) -> None:
    """Raise Conflict unless `expected` is the revision of `state`; None skips the check."""
    if expected is not None and revision(state) != expected:
        raise Conflict(
            "changed_meanwhile",
            "Not saved: somebody else has changed {what} since you opened this page. What is kept "
            "now stands beside each field that differs. Save again to replace it with yours.",
            what=what,
        )
