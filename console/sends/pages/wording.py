"""How pages name those to whom a send goes: buttons repeat who will see it."""

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.catalogue.models import Visibility
from console.sends.models import SendStatus
from console.sends.plan.nickname_sources import NicknameSource
from console.sends.plan.values import SendPlan
from console.text import language_tags

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
        words = _(
            "More than %(n)s chats, with the %(before)s to which you send this notice within an"
            " hour: a second person must approve before anything leaves."
        )
        return words % {"n": f"{above:,}", "before": f"{plan.sent_before:,}"}
    words = _("More than %(n)s chats: a second person must approve before anything leaves.")
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
