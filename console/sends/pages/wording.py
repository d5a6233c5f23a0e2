"""How pages name those to whom a send goes: buttons repeat who will see it."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.catalogue.models import Visibility
from console.sends.models import SendStatus
from console.sends.plan.nickname_sources import NicknameSource
from console.sends.plan.values import ContactUse, SendPlan
from console.text import language_tags
from console.text.sentences import Sentence

WAITS = "waits"
WAITS_WORDS = gettext_lazy("Waits: sending is stopped")


def audience(visibility: str, count: int) -> str:
    """Return the audience as in "Send to …": customers, or those of the staff who see it."""
    if visibility == Visibility.INT:
        words = ngettext("staff in %(n)s chat", "staff in %(n)s chats", count)
    elif visibility == Visibility.VIP:
        words = ngettext("supervisors in %(n)s chat", "supervisors in %(n)s chats", count)
    else:
        words = ngettext("%(n)s customer", "%(n)s customers", count)
    return words % {"n": f"{count:,}"}


def shown_status(status: str, *, stopped: bool) -> str:
    """Return a send's status for pages: `waits` if only the stop of all sending holds it."""
    is_leaving = status in (SendStatus.HOLDING, SendStatus.RUNNING)
    return WAITS if stopped and is_leaving else status


def send_words(visibility: str, count: int, *, later: bool, needs_approval: bool) -> str:
    """Return the label of the send button."""
    if needs_approval:
        words = _("Ask for approval to send to %(audience)s")
    elif later:
        words = _("Schedule for %(audience)s")
    else:
        words = _("Send to %(audience)s")
    return words % {"audience": audience(visibility, count)}


def approval_words(plan: SendPlan, above: int) -> str:
    """Return why a second person must approve. `above` is the largest number of chats that need
    none."""
    if plan.nickname_from == NicknameSource.SENDER:
        words = _(
            "You have chosen the nickname %(name)s: a second person must approve before anything"
            " leaves."
        )
        return words % {"name": plan.nickname}
    if plan.sent_before:
        words = ngettext(
            "More than %(n)s chat, with the %(before)s to which you send this notice within an"
            " hour: a second person must approve before anything leaves.",
            "More than %(n)s chats, with the %(before)s to which you send this notice within an"
            " hour: a second person must approve before anything leaves.",
            above,
        )
        return words % {"n": f"{above:,}", "before": f"{plan.sent_before:,}"}
    words = ngettext(
        "More than %(n)s chat: a second person must approve before anything leaves.",
        "More than %(n)s chats: a second person must approve before anything leaves.",
        above,
    )
    return words % {"n": f"{above:,}"}


def gap_words(rows: Iterable[tuple[str, str, int]], ready: int) -> list[str]:
    """Return a sentence for each language whose chats get a text in another one, largest first.
    `rows` are (the chat's locale, the text's, count)."""
    numbers: dict[tuple[str, str], int] = defaultdict(int)
    for chat_locale, locale, number in rows:
        tag = language_tags.read(chat_locale)
        numbers[tag.spoken if tag else "", locale] += number
    ordered = sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))
    return [_gap_words(spoken, locale, number, ready) for (spoken, locale), number in ordered]


def _gap_words(spoken: str, locale: str, count: int, ready: int) -> str:
    gets = language_tags.name(locale)
    if not spoken:
        words = ngettext(
            "%(n)s chat says no language: it gets %(gets)s",
            "%(n)s chats say no language: they get %(gets)s",
            count,
        )
        return words % {"n": f"{count:,}", "gets": gets}
    words = ngettext(
        "%(n)s of %(all)s gets %(gets)s: no %(own)s text",
        "%(n)s of %(all)s get %(gets)s: no %(own)s text",
        count,
    )
    own = language_tags.name(spoken)
    return words % {"n": f"{count:,}", "all": f"{ready:,}", "gets": gets, "own": own}


# Words for the number of a notice, from the second on.
NTH = (
    gettext_lazy("the second"),
    gettext_lazy("the third"),
    gettext_lazy("the fourth"),
    gettext_lazy("the fifth"),
    gettext_lazy("the sixth"),
    gettext_lazy("the seventh"),
    gettext_lazy("the eighth"),
    gettext_lazy("the ninth"),
    gettext_lazy("the tenth"),
)


def contact_words(use: ContactUse, chats: Iterable[str]) -> list[str]:
    """Return a sentence for each number of notices that some of these chats have had of their
    contact budget, the most first."""
    numbers = Counter(use.had.get(chat, 0) for chat in chats)
    return [_contact_words(use, had, numbers[had]) for had in sorted(numbers, reverse=True) if had]


def _contact_words(use: ContactUse, had: int, count: int) -> str:
    words = ngettext(
        "%(n)s chat has had %(had)s of %(limit)s in %(minutes)s; this would be %(nth)s",
        "%(n)s chats have had %(had)s of %(limit)s in %(minutes)s; this would be %(nth)s",
        count,
    )
    return words % {
        "n": f"{count:,}",
        "had": had,
        "limit": use.number,
        "minutes": _minutes(use.minutes),
        "nth": NTH[had - 1] if had <= len(NTH) else _("number %(n)s") % {"n": had + 1},
    }


def spent_words(details: Iterable[str]) -> str:
    """Return why the chats whose contact budget is spent are skipped, in one sentence for all.
    `details` are those of their deliveries."""
    params = [detail.params for detail in details if isinstance(detail, Sentence)]
    first, last = (choose(each["next_at"] for each in params) for choose in (min, max))
    values = {
        "had": max(each["had"] for each in params),
        "limit": params[0]["limit"],
        "minutes": _minutes(params[0]["minutes"]),
        "first": f"{timezone.localtime(first):%H:%M}",
        "last": f"{timezone.localtime(last):%H:%M}",
    }
    if first == last:
        words = _("Has had %(had)s of %(limit)s in %(minutes)s. The next is possible at %(first)s.")
    else:
        words = _(
            "Has had %(limit)s or more in %(minutes)s. The next is possible from %(first)s on, for"
            " all at %(last)s."
        )
    return words % values


def _minutes(number: int) -> str:
    return ngettext("%(n)s minute", "%(n)s minutes", number) % {"n": f"{number:,}"}
