"""Tells open pages that something changed, by PostgreSQL's NOTIFY.

A topic is a word ("board", "send-12"), never data: a page that receives it loads anew what its
person may see. PostgreSQL delivers topics only when the transaction commits.
"""

from django.db import connection

CHANNEL = "console_live"

BOARD = "board"
SENDS = "sends"
CHAT_SERVERS = "chat-servers"
# The stop-everything switch.
SENDING = "sending"
WEBHOOKS = "webhooks"


def sessions_topic(person: int) -> str:
    """Return the topic for the end of this person's sessions."""
    return f"sessions-{person}"


def import_topic(job_id: int) -> str:
    return f"import-{job_id}"


def send_topic(send_id: int) -> str:
    return f"send-{send_id}"


def publish(*topics: str) -> None:
    """Notify pages that follow one of `topics`. A transaction sends each topic once."""
    with connection.cursor() as cursor:
        for topic in topics:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, topic])
