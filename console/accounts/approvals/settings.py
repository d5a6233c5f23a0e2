"""The setting of approvals by security key: a rule for each kind (docs/approvals.md)."""

import re
from collections.abc import Mapping

from console.site import environment as env

# A test keeps these equal to the kinds and rules that approvals know.
KINDS = ("version", "preset", "playbook", "send", "role")
RULES = ("off", "registered", "required")
ENTRY = re.compile(r"([a-z]+)=([a-z]+)", re.ASCII)


def approval_rules(raw: str) -> dict[str, str]:
    """Convert the rules of kinds, such as `version=required send=registered`; `all` means each kind
    that is not named.

    Raises ValueError for an unknown kind or rule, or two rules of a kind.
    """
    found: dict[str, str] = {}
    for entry in raw.split():
        read = ENTRY.fullmatch(entry)
        if read is None or read[1] not in (*KINDS, "all") or read[2] not in RULES:
            raise ValueError(
                "set it to kind=rule, such as version=required send=registered; kinds are "
                f"{', '.join(KINDS)} and all, rules are {', '.join(RULES)}"
            )
        if read[1] in found:
            raise ValueError(f"{read[1]} has two rules: keep one")
        found[read[1]] = read[2]
    others = found.pop("all", "off")
    return {kind: found.get(kind, others) for kind in KINDS}


def read_approval_rules() -> Mapping[str, str]:
    """Read the setting from the environment; off by default."""
    return env.read("CONSOLE_APPROVAL_RULES", approval_rules, dict[str, str]())
