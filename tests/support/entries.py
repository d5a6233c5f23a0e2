"""What entries of the ledger say."""

from typing import Any

from console.audit.models import AuditEntry
from console.audit.state.kinds import ROWS


def without_rows(entry: AuditEntry) -> dict[str, Any]:
    """An entry's data without the rows that it tells, which tests/audit/test_state.py compares."""
    return {name: value for name, value in entry.data.items() if name != ROWS}
