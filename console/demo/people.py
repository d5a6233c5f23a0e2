"""The people of the demo: teams with their queues, and one person for each role."""

from dataclasses import dataclass

from console.accounts.models import Role

# Public on purpose: the demo listens on this machine only and has its own database.
PASSWORD = "candles-by-the-harbour"  # noqa: S105

TEAMS = {"Sales": ["sales", "returns"], "Support": ["support", "billing"]}


@dataclass(frozen=True, slots=True)
class Person:
    """A demo login. `shows` describes what it can do."""

    username: str
    first_name: str
    last_name: str
    role: Role
    shows: str
    team: str = ""


AUTHOR = Person("eddy", "Eddy", "Lindqvist", Role.EDITOR, "writes notices and presets")
REVIEWER = Person("anna", "Anna", "Kowalska", Role.APPROVER, "reviews and publishes")

PEOPLE = (
    Person("sue", "Sue", "Okafor", Role.SUPERVISOR, "chats in sales and returns", "Sales"),
    Person("tom", "Tomás", "Reyes", Role.SUPERVISOR, "chats in support and billing", "Support"),
    AUTHOR,
    REVIEWER,
    Person("audrey", "Audrey", "Chen", Role.AUDITOR, "reads the history and the audit trail"),
    Person("adam", "Adam", "Yılmaz", Role.ADMINISTRATOR, "runs Chat Servers"),
)


def logins() -> list[str]:
    """Return the table of logins, line by line."""
    head = f"  {'name':8} {'role':14} {'who':16} what for"
    rows = [
        f"  {person.username:8} {person.role.value:14} "
        f"{person.first_name + ' ' + person.last_name:16} {person.shows}"
        for person in PEOPLE
    ]
    return [head, *rows, f"  Password of each: {PASSWORD}"]
