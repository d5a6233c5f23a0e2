"""The state of filling in one text, for filters and other code that is called without it."""

from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from liquid.exceptions import ResourceLimitError

from console.catalogue.templating.filling.forms import Forms
from console.catalogue.templating.filling.unreadable import Unreadable, quoted
from console.catalogue.templating.filling.zones import zone_named
from console.text.sentences import term

# Limit for one text: the sum of characters, items or bytes of a number that variables and filters
# read. Some filters multiply them, and each call has a cost of its own.
WORK_LIMIT = 500_000
# The cost of formatting a number or a date.
FORM_WORK = 500
# Limits for one text in all chats of a request; for the forecast of one version; for all forecasts
# of a page. A step takes some 50 ns. Steps are the same on every machine, and in the preview as in
# the send.
REQUEST_WORK = 100_000_000
FORECAST_WORK = 5_000_000
FORECASTS_WORK = 40_000_000


class Budget:
    """The total number of steps that filling in a text for many chats may take."""

    __slots__ = ("left",)

    def __init__(self, work: int) -> None:
        self.left = work

    def spend(self, work: int) -> None:
        self.left -= work

    @property
    def is_spent(self) -> bool:
        return self.left < 0


class Filling:
    """The state of filling in one text with its snippets.

    It counts the work so far, and has the forms of the text's language, the chat's time zone from
    its user data, and the moment.
    """

    __slots__ = (
        *("_zone", "_zone_name", "chat_locale", "forms", "limit", "marked", "now", "work"),
        "written",
    )

    def __init__(
        self,
        forms: Forms,
        chat_locale: str = "",
        zone_name: object = None,
        now: datetime | None = None,
    ) -> None:
        self.forms = forms
        self.chat_locale = chat_locale
        self.now = now
        self._zone_name = zone_name
        self._zone: ZoneInfo | None = None
        self.work = 0
        self.written = 0
        # Whether the output has marks for `lines.resolved`.
        self.marked = False
        # The renderer refuses a text over the site's limit with a message; this only bounds the
        # work.
        self.limit = settings.TEXT_LIMIT * 16

    def count(self, work: int) -> None:
        self.work += work
        if self.work > WORK_LIMIT:
            raise ResourceLimitError(term("there is too much to do"), token=None)

    def zone(self) -> ZoneInfo:
        """Return the time zone of this chat: its own, or the site's.

        Raises Unreadable for an unknown name, rather than print a wrong time.
        """
        if self._zone is None:
            self._zone = self._found_zone()
        return self._zone

    def _found_zone(self) -> ZoneInfo:
        name: Any = self._zone_name
        zone = zone_named(settings.TIME_ZONE if name is None else name)
        if zone is None:
            key = settings.CHAT_TIME_ZONE_KEY
            raise Unreadable(
                term(
                    "The chat's time zone, data.{key}, is {name}, which is no zone such as "
                    "Europe/Berlin: no time can be told",
                    key=key,
                    name=quoted(name),
                ),
                whole=True,
            )
        return zone

    def moment(self) -> datetime:
        return self.now or datetime.now(UTC)


current: ContextVar[Filling] = ContextVar("current")
