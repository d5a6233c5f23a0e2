"""The roles of people: their names, their permissions, and their hints on pages.

The settings read this module too, so it must not need Django to be set up. A new role is added here
and to docs/people.md; `manage.py makemigrations` writes it into the lists of the database.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from console.actors import Permission


class Role(TextChoices):
    SUPERVISOR = "supervisor", _("Supervisor")
    EDITOR = "editor", _("Editor")
    APPROVER = "approver", _("Approver")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")


ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.SUPERVISOR: frozenset(
        {
            Permission.VIEW_INTERACTIONS,
            Permission.SEND,
            Permission.VIEW_CATALOGUE,
            Permission.VIEW_CHAT_SERVERS,
        }
    ),
    Role.EDITOR: frozenset({Permission.VIEW_CATALOGUE, Permission.EDIT_CATALOGUE}),
    Role.APPROVER: frozenset(
        {Permission.VIEW_CATALOGUE, Permission.REVIEW_CATALOGUE, Permission.APPROVE_SENDS}
    ),
    Role.AUDITOR: frozenset(
        {
            Permission.VIEW_CATALOGUE,
            Permission.VIEW_HISTORY,
            Permission.VIEW_AUDIT,
            Permission.VIEW_CHAT_SERVERS,
        }
    ),
    # Writes the catalogue as an editor does. Others approve what an administrator wrote.
    Role.ADMINISTRATOR: frozenset(
        {
            Permission.ADMINISTER,
            Permission.VIEW_CHAT_SERVERS,
            Permission.VIEW_CATALOGUE,
            Permission.EDIT_CATALOGUE,
        }
    ),
}

# The hint to each role in the form of a person.
ROLE_HINTS = {
    Role.SUPERVISOR: _("Sees the chats of their teams, and sends published notices into them."),
    Role.EDITOR: _("Writes notices and presets. Somebody else approves them."),
    Role.APPROVER: _("Publishes what others wrote, and approves large sends of others."),
    Role.AUDITOR: _("Reads the history and the audit trail of everybody. Changes nothing."),
    Role.ADMINISTRATOR: _(
        "Manages people, Chat Servers and API clients. Stops all sending. Writes notices as an "
        "editor does."
    ),
}

# Roles that see all teams, not only their own.
OF_ALL_TEAMS = {Role.AUDITOR, Role.ADMINISTRATOR}
# Roles that decide for others, or over others. They need a second factor (CONSOLE_SECOND_FACTOR).
PRIVILEGED = {Role.ADMINISTRATOR, Role.APPROVER}
