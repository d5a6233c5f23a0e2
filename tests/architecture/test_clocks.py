"""Two machines' clocks never meet: what one writes and another compares is by PostgreSQL's."""

import re
from pathlib import Path

CONSOLE = Path(__file__).resolve().parents[2] / "console"
OWN_CLOCK = re.compile(r"\b(timezone\.now\(|datetime\.now\(|time\.time\(|timezone\.localtime\(\))")

# Why the machine's own clock is right there, or does no harm.
ALLOWED = {
    "accounts/signing_in/": "the libraries that judge sessions, codes and locks take this clock",
    "accounts/selectors.py": "Django judges by it when a session ends",
    "accounts/management/commands/create_api_client.py": "days ahead",
    "api/views/transfer.py": "in a file's name",
    "audit/export.py": "when that machine made the file",
    "audit/services.py": "a new key's time, for whose making no database is needed",
    "audit/witness.py": "an auditor's own machine, which says when it saw what",
    "backups/services.py": "when that machine made the backup",
    "catalogue/": "validity begins and ends by the minute; the claim asks PostgreSQL's once more",
    "database/clock.py": "it compares the two, to say by how much they differ",
    "demo/": "the demo is one machine",
    "esp/": "a simulator",
    "site/program.py": "of a line that the log would have written",
    "webhooks/courier.py": "a signature's time, which receivers compare with theirs",
}


def test_who_asks_the_machines_own_clock() -> None:
    asking = {
        path.relative_to(CONSOLE).as_posix()
        for path in CONSOLE.rglob("*.py")
        if "migrations" not in path.parts and OWN_CLOCK.search(path.read_text())
    }
    unexplained = {name for name in asking if not name.startswith(tuple(ALLOWED))}
    assert unexplained == set(), "ask console.database.clock, or say here why not"
    unused = {name for name in ALLOWED if not any(each.startswith(name) for each in asking)}
    assert unused == set()
