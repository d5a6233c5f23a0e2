"""What one filling in of a text is about, for filters and whatever else is called without it."""

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

# Of one text: characters, items or bytes of a number that variables and filters take, all together.
# Some filters multiply them, and each call costs something by itself.
WORK_LIMIT = 500_000
# What it costs to write a number or a date as a language does.
FORM_WORK = 500
# Of one text for all the chats of a request; of the forecast of one version, and of all forecasts
# of a page. A step takes some 50 ns. Steps are the same on every machine, and in the preview as in
# the send.
REQUEST_WORK = 100_000_000
FORECAST_WORK = 5_000_000
FORECASTS_WORK = 40_000_000


class Budget:
    """What filling in a text for many chats may take all together, in the same steps."""

    __slots__ = ("left",)

    def __init__(self, work: int) -> None:
        self.left = work

    def spend(self, work: int) -> None:
        self.left -= work

    @property
    def is_spent(self) -> bool:
        return self.left < 0


class Filling:
    """What filling in one text, with its snippets, has taken so far; and for whom it is: the forms
    of the text's language, the chat's zone as its user data has it, and the moment."""

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
        # Whether something was written that `lines.resolved` has to look at.
        self.marked = False
        # A text over the site's limit is refused with its own words, this only bounds the work.
        self.limit = settings.TEXT_LIMIT * 16

    def count(self, work: int) -> None:
        self.work += work
        if self.work > WORK_LIMIT:
            raise ResourceLimitError(term("there is too much to do"), token=None)

    def zone(self) -> ZoneInfo:
        """The zone of this chat's times: its own, or the site's. Raises Unreadable for a name that
        is no zone's: no time is told then."""
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
