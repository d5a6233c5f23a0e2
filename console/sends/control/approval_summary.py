"""What an approver has to know about sends before they leave, read for many sends at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Count, QuerySet

from console.sends.models import Delivery, DeliveryStatus, Send
from console.sends.pages.wording import gap_words
from console.text.language_tags import is_own


@dataclass(frozen=True, slots=True)
class Sample:
    """The text that one chat, `chat`, of a language gets, and how many chats that language has.
    `texts` is over 1 if the chats get different data in their texts."""

    locale: str
    body: str
    customer_name: str
    chats: int
    texts: int
    chat: str


@dataclass(slots=True)
class Brief:
    """A send with its sample texts, and its chats by queue and by Chat Server, largest first."""

    send: Send
    samples: list[Sample] = field(default_factory=list)
    # Chats whose text is not in their own language: (the chat's locale, the text's, count).
    not_own: list[tuple[str, str, int]] = field(default_factory=list)
    queues: list[tuple[str, int]] = field(default_factory=list)
    chat_servers: list[tuple[str, int]] = field(default_factory=list)

    @property
    def gaps(self) -> list[str]:
        """Return sentences that say which chats do not get their own language."""
        return gap_words(self.not_own, self.send.ready_count)


def briefs_of(sends: Sequence[Send]) -> list[Brief]:
    """Return the summaries of sends that the actor may read, in five queries for any number."""
    waiting = Delivery.objects.filter(
        send__in=[send.pk for send in sends], status=DeliveryStatus.PENDING
    ).order_by()
    found = {send.pk: Brief(send) for send in sends}
    _add_samples(found, waiting)
    spoken = waiting.exclude(chat_locale=None).values_list("send_id", "chat_locale", "locale")
    for pk, chat_locale, locale, count in spoken.annotate(n=Count("pk")):
        if not is_own(chat_locale or "", locale):
            found[pk].not_own.append((chat_locale or "", locale, count))
    for pk, queue, count in (
        waiting.values_list("send_id", "interaction__queue")
        .annotate(n=Count("pk"))
        .order_by("-n", "interaction__queue")
    ):
        found[pk].queues.append((queue, count))
    for pk, name, count in (
        waiting.values_list("send_id", "chat_server_name")
        .annotate(n=Count("pk"))
        .order_by("-n", "chat_server_name")
    ):
        found[pk].chat_servers.append((name, count))
    return list(found.values())


def _add_samples(found: dict[int, Brief], waiting: QuerySet[Delivery]) -> None:
    numbers: dict[tuple[int, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for pk, locale, chats, texts in waiting.values_list("send_id", "locale").annotate(
        chats=Count("pk"), texts=Count("body", distinct=True)
    ):
        numbers[pk, locale] = (chats, texts)
    first = waiting.order_by("send_id", "locale", "pk").distinct("send_id", "locale")
    for row in first.only("send_id", "locale", "body", "customer_name", "interaction_id"):
        chats, texts = numbers[row.send_id, row.locale]
        found[row.send_id].samples.append(
            Sample(row.locale, row.body, row.customer_name, chats, texts, row.interaction_id)
        )
    for brief in found.values():
        brief.samples.sort(key=lambda sample: -sample.chats)
