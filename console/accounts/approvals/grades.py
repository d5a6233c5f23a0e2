"""Reads by what approvals were confirmed, for whoever may see the thing itself."""

from collections.abc import Iterable
from typing import Any

from console.accounts.approvals.stating import Grade
from console.audit.actions import Action
from console.audit.models import AuditEntry

TARGETS = {
    Action.VERSION_APPROVED: "version",
    Action.PRESET_APPROVED: "preset",
    Action.PLAYBOOK_APPROVED: "playbook",
    Action.SEND_APPROVED: "send",
}


def approval_grades(action: Action, refs: Iterable[object]) -> dict[str, str]:
    """Return by what these things were approved last, in words, by their references. Older entries
    do not say it, and archived ones are not here."""
    entries = AuditEntry.objects.filter(
        target_kind=TARGETS[action], target_ref__in=[str(ref) for ref in refs], action=action
    )
    newest = entries.order_by("target_ref", "-seq").distinct("target_ref")
    found = {entry.target_ref: grade_words(entry.data) for entry in newest}
    return {ref: words for ref, words in found.items() if words}


def grade_words(data: dict[str, Any]) -> str:
    """Return by what an approval was confirmed, in words; "" if its entry does not say it."""
    grade = data.get("confirmation", {}).get("grade", "")
    return str(Grade(grade).label) if grade and grade in Grade.values else ""
