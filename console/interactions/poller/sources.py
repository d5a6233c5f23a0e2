"""The poller's source: the Interaction Server that the settings name."""

from django.conf import settings

from console.errors import Unprocessable
from console.interactions.poller.poll import OpenSource
from console.ixn import psdk


def configured_source() -> OpenSource:
    """Return the source. Raises Unprocessable, saying what to do, if the poller is not set up."""
    missing = [
        name
        for name, value in (
            ("CONSOLE_POLL_ADDRESSES", settings.POLL.addresses),
            ("CONSOLE_POLL_CONDITION", settings.POLL.condition),
        )
        if not value
    ]
    if missing:
        raise Unprocessable(
            "poller_not_set_up",
            "The poller is not set up: set {missing:and} (docs/poller.md).",
            missing=missing,
        )
    wanted = psdk.Wanted(
        addresses=settings.POLL.addresses,
        condition=settings.POLL.condition,
        client_type=settings.POLL.client_type,
        client_name=settings.POLL.client_name,
        timeout_seconds=settings.POLL.timeout,
        java=psdk.Java(
            classpath=settings.PSDK_CLASSPATH,
            home=settings.JAVA_HOME,
            options=settings.PSDK_JVM_OPTIONS,
            trust_store=settings.PSDK_TRUST_STORE,
            trust_store_password=settings.PSDK_TRUST_STORE_PASSWORD,
            key_store=settings.PSDK_KEY_STORE,
            key_store_password=settings.PSDK_KEY_STORE_PASSWORD,
        ),
    )
    return lambda: psdk.opened(wanted)
