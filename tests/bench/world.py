"""What is measured with: a database of its own, one simulator, chats and a published notice."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER_DATA = {
    "IsOnline": "1",
    "ChatServerAppName": "bench",
    "FirstName": "Zoë",
    "LastName": "Martin",
    "OrderNumber": "4711",
}
TEXT = "Hello {{ data.FirstName }}, an agent will be with you shortly."
SERVER = "bench"
WINDOW = 256


@contextmanager
def world() -> Iterator[Any]:
    """Django on a fresh database, and a simulator registered as a Chat Server with the pace off."""
    with tempfile.TemporaryDirectory(prefix="notice-console-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as a user of its own when we are root
        os.environ["CONSOLE_DATA"] = folder
        os.environ.setdefault("CONSOLE_LOG_LEVEL", "ERROR")
        os.environ["CONSOLE_TARGET_LIMIT"] = "100000"
        os.environ["CONSOLE_DELIVERY_TTL_SECONDS"] = "86400"
        os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"
        import django

        django.setup()
        from django.core.management import call_command

        from tests.simulators import running_simulator

        call_command("migrate", verbosity=0)
        with running_simulator(SERVER, Path(folder) / "journal.jsonl") as simulator:
            register(simulator.url)
            yield simulator


def register(url: str) -> None:
    """The Chat Server and the notice."""
    from console.actors import Actor, system_actor
    from console.catalogue import services as catalogue
    from console.interactions.services import chat_server_create

    root = system_actor("bench")
    chat_server_create(
        root, name=SERVER, url=url, window=WINDOW, pace_per_second=100_000, burst=100_000
    )
    author = Actor("user:author", "Author", root.permissions)
    reviewer = Actor("user:reviewer", "Reviewer", root.permissions)
    notice = catalogue.notice_create(author, key="bench", kind="message", title="Bench")
    version = catalogue.version_create(author, notice, default_locale="en", bodies={"en": TEXT})
    catalogue.version_submit(author, version)
    catalogue.version_approve(reviewer, version)


def make_chats(number: int) -> list[str]:
    """Live chats, as many as asked for; those that are there stay."""
    from django.utils import timezone

    from console.interactions.models import Interaction

    now = timezone.now()
    ids = [f"chat{index:06}" for index in range(number)]
    Interaction.objects.bulk_create(
        (
            Interaction(
                id=interaction_id,
                chat_server_name=SERVER,
                received_at=now,
                last_event_at=now,
                locale="en",
                customer_name="Zoë Martin",
                user_data={**USER_DATA, "InteractionId": interaction_id},
            )
            for interaction_id in ids
        ),
        batch_size=5000,
        ignore_conflicts=True,
    )
    return ids
