"""Forecasts: in how many of the current chats a text would fail, before anybody sends it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.utils import timezone

from console.catalogue.content import snippets
from console.catalogue.content.questions import for_templates, samples
from console.catalogue.kinds import traits
from console.catalogue.models import NoticeVersion, VersionStatus
from console.catalogue.templating.filling.state import FORECAST_WORK, FORECASTS_WORK, Budget
from console.catalogue.templating.rendering import BudgetSpent, RenderingRefused, renderer
from console.interactions.models import Interaction

TRIED_CHATS = 100
KEPT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a text would do in `tried` live chats.

    `why` is the most frequent reason to fail: the variable without a value, else a reason code of
    console.sends.
    """

    tried: int = 0
    failing: int = 0
    why: str = ""

    @property
    def percent(self) -> int:
        return round(100 * self.failing / self.tried) if self.tried else 0

    @property
    def is_bad(self) -> bool:
        return self.percent > settings.VARIABLE_WARN_PERCENT


def tried_chats() -> list[Interaction]:
    """Return the newest chats of all teams. They are only counted; nothing of them is shown."""
    live = Interaction.objects.filter(ended_at=None, is_online=True, is_test=False)
    return list(live.order_by("-received_at")[:TRIED_CHATS])


def forecast(
    version: NoticeVersion,
    chats: Sequence[Interaction],
    among: snippets.Loaded,
    work: int = FORECAST_WORK,
) -> Forecast:
    """Return what `version` would do in these chats, with made-up answers to its fields.

    It tries fewer chats if filling in the text would take more than `work`.
    """
    if not chats or not traits(version.notice.kind).is_sent:
        return Forecast()
    renderers: dict[str, Any] = {}
    refusals: Counter[str] = Counter()
    budget, tried = Budget(work), 0
    for chat in chats:
        locale, body = version.body_for(chat.locale)
        if locale not in renderers:
            renderers[locale] = renderer(
                version.notice.kind,
                body,
                sender_name="–",
                now=timezone.now(),
                snippets=snippets.words(version.snippets, locale, among),
                fields=for_templates(version.fields, samples(version.fields)),
                locale=locale,
                budget=budget,
            )
        try:
            renderers[locale](chat)
        except RenderingRefused as refusal:
            refusals[refusal.variable or refusal.reason] += 1
        except BudgetSpent:
            break
        tried += 1
    why = refusals.most_common(1)[0][0] if refusals else ""
    return Forecast(tried, refusals.total(), why)


def forecasts(versions: Iterable[NoticeVersion]) -> dict[int, Forecast]:
    """Return the forecast of each submitted version by its id, at most a minute old.

    The number of queries does not grow with the number of versions.
    """
    rows = {version.pk: version for version in versions if version.status != VersionStatus.DRAFT}
    found = _kept(rows)
    left = [version for pk, version in rows.items() if pk not in found]
    if left:
        chats = tried_chats()
        among = snippets.loaded(version.snippets for version in left)
        work = min(FORECAST_WORK, FORECASTS_WORK // len(left))
        new = {version.pk: forecast(version, chats, among, work) for version in left}
        caches["process"].set_many({_name(pk): one for pk, one in new.items()}, KEPT_SECONDS)
        found |= new
    return found


def forecasts_by_id(pks: Iterable[int]) -> dict[int, Forecast]:
    """Return `forecasts` of submitted versions. It reads only those of which none is kept."""
    found = _kept(pks := list(pks))
    left = [pk for pk in pks if pk not in found]
    if left:
        found |= forecasts(NoticeVersion.objects.filter(pk__in=left).select_related("notice"))
    return found


def _kept(pks: Iterable[int]) -> dict[int, Forecast]:
    names = {_name(pk): pk for pk in pks}
    kept: Mapping[str, Forecast] = caches["process"].get_many(list(names))
    return {names[name]: forecast for name, forecast in kept.items()}


def _name(pk: int) -> str:
    return f"forecast-{pk}"
