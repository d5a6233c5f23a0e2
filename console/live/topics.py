"""Who may follow which topic: those who may see what it is about."""

from collections.abc import Iterable

from console.actors import Actor, Permission
from console.catalogue.transfer.jobs.selectors import import_job_get
from console.database import notifications
from console.errors import ConsoleError
from console.exports.selectors import EXPORTERS, export_get
from console.incidents.selectors import SEERS
from console.interactions.selectors import interaction_get
from console.notifications.kinds import kinds_of
from console.sends.selectors import READERS, own_test, send_get

# Any of these permissions is enough, as on the pages that follow the topic.
PERMISSIONS = {
    notifications.BOARD: {Permission.VIEW_INTERACTIONS},
    notifications.CHAT_SERVERS: {Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER},
    notifications.SENDS: {
        *READERS,
        Permission.APPROVE_SENDS,
        Permission.VIEW_CHAT_SERVERS,
        Permission.ADMINISTER,
    },
    # Every page has the banner that says that sending is stopped.
    notifications.SENDING: set(Permission),
    notifications.WEBHOOKS: {Permission.ADMINISTER},
    notifications.MAIL: {Permission.ADMINISTER},
    notifications.INCIDENTS: set(SEERS),
}
ONE_SEND = {*READERS, Permission.ADMINISTER}
CHAT = notifications.chat_topic("")
ONE_IMPORT = {Permission.EDIT_CATALOGUE}


def refused_topics(actor: Actor, topics: Iterable[str]) -> list[str]:
    """Return those of `topics` that the actor may not follow, unknown ones included."""
    return sorted(topic for topic in topics if not _may_follow(actor, topic))


def _may_follow(actor: Actor, topic: str) -> bool:
    if topic == notifications.SENDING:
        return True
    if topic == notifications.WAITING:
        return bool(kinds_of(actor))
    if topic in PERMISSIONS:
        return bool(PERMISSIONS[topic] & actor.permissions)
    if topic.startswith(CHAT):
        return _may_follow_chat(actor, topic.removeprefix(CHAT))
    kind, _dash, number = topic.rpartition("-")
    if not (number.isascii() and number.isdecimal() and len(number) <= 18):
        return False
    try:
        if kind == "send":
            return own_test(actor, int(number)) or (
                bool(ONE_SEND & actor.permissions) and bool(send_get(actor, int(number)))
            )
        if kind == "import":
            return bool(ONE_IMPORT & actor.permissions) and bool(import_job_get(actor, int(number)))
        if kind == "export":
            return any(map(actor.may, EXPORTERS)) and bool(export_get(actor, int(number)))
    except ConsoleError:
        return False
    return False


def _may_follow_chat(actor: Actor, interaction_id: str) -> bool:
    try:
        return bool(interaction_get(actor, interaction_id))
    except ConsoleError:
        return False
