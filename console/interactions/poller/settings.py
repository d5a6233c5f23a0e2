"""The poller's settings, each described in docs/settings.md."""

from dataclasses import dataclass

from console.site import environment as env


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings:
    """How Interaction Server is polled (docs/poller.md). Without an address it is not.

    Times are in seconds; interval 0 means only by hand. `ends` says which chats end if a snapshot
    lacks them: all that are `known`, or only those that were in one before (`seen`). A snapshot of
    `snapshot_limit` interactions is cut off; 0 means that no limit is known.
    """

    addresses: tuple[str, ...] = ()
    condition: str = ""
    interval: int = 0
    page_size: int = 500
    timeout: int = 30
    clock_margin: int = 2
    ends: str = "known"
    snapshot_limit: int = 0
    client_type: int = 8
    client_name: str = "notice-console"
    locale_key: str = ""
    keep_keys: tuple[str, ...] = ()


def read_poll_settings() -> PollSettings:
    """Read the settings from the environment."""
    seconds = "seconds"
    chosen = PollSettings(
        addresses=tuple(
            env.read("CONSOLE_POLL_ADDRESSES", env.servers("psdk", "psdk+tls"), list[str]())
        ),
        condition=env.read("CONSOLE_POLL_CONDITION", env.text, ""),
        interval=env.read(
            "CONSOLE_POLL_INTERVAL_SECONDS", env.number(least=0, most=86_400, unit=seconds), 0
        ),
        page_size=env.read(
            "CONSOLE_POLL_PAGE_SIZE", env.number(least=1, most=10_000, unit="interactions"), 500
        ),
        timeout=env.read(
            "CONSOLE_POLL_TIMEOUT_SECONDS", env.number(least=1, most=600, unit=seconds), 30
        ),
        clock_margin=env.read(
            "CONSOLE_POLL_CLOCK_MARGIN_SECONDS", env.number(least=0, most=600, unit=seconds), 2
        ),
        ends=env.read("CONSOLE_POLL_ENDS", env.one_of("known", "seen"), "known"),
        snapshot_limit=env.read(
            "CONSOLE_POLL_SNAPSHOT_LIMIT",
            env.number(least=0, most=1_000_000, unit="interactions"),
            0,
        ),
        client_type=int(env.read("CONSOLE_POLL_CLIENT_TYPE", env.one_of("8", "4"), "8")),
        client_name=env.read("CONSOLE_POLL_CLIENT_NAME", env.text, "notice-console"),
        locale_key=env.read("CONSOLE_POLL_LOCALE_KEY", env.text, ""),
        keep_keys=tuple(env.read("CONSOLE_POLL_KEEP_KEYS", env.words, list[str]())),
    )
    if chosen.interval and not (chosen.addresses and chosen.condition):
        env.refuse(
            "CONSOLE_POLL_INTERVAL_SECONDS",
            "CONSOLE_POLL_INTERVAL_SECONDS has workers poll Interaction Server, and they do not "
            "know where and for what. Set CONSOLE_POLL_ADDRESSES and CONSOLE_POLL_CONDITION, too",
        )
    return chosen
