"""A plan in the compose panel: grouped by text and recipients, never chat by chat."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.sends.models import Reason
from console.sends.pages.wording import contact_words, gap_words, spent_words
from console.sends.plan.values import LeaveOut, SendPlan, Target
from console.text import language_tags
from console.text.wording import worded

SAMPLES = 3
NAMES = 50
# The reason with which each box makes chats skipped.
LEFT_OUT = {
    LeaveOut.OTHER_LANGUAGE: Reason.NO_TEXT_IN_LANGUAGE,
    LeaveOut.UNKNOWN_LANGUAGE: Reason.UNKNOWN_LANGUAGE,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A text, and the chats for which it is an example."""

    body: str
    target: Target
    others: int


@dataclass(slots=True)
class TextGroup:
    """The chats that get the text of one language.

    `own` is how many read it as their own language. `samples` has only some of the different texts;
    `texts` is their number. `contacts` says what the chats have had of their contact budget.
    """

    locale: str
    targets: list[Target]
    samples: list[Sample] = field(default_factory=list)
    texts: int = 0
    contacts: list[str] = field(default_factory=list)

    @property
    def own(self) -> int:
        return sum(target.own_language is True for target in self.targets)

    @property
    def named(self) -> list[Target]:
        return self.targets[:NAMES]

    @property
    def unnamed(self) -> int:
        return len(self.targets) - len(self.named)


@dataclass(frozen=True, slots=True)
class Gap:
    """Chats that get a text in another language than their own, or whose language is unknown.

    It has a description, and the box that leaves out all chats of this kind. `is_out` says that
    they are left out already.
    """

    leave_out: str
    sentences: list[str]
    count: int
    is_out: bool


@dataclass(slots=True)
class SkippedGroup:
    """Chats that are skipped for one reason.

    `why` applies to all; if details differ, each chat's own is beside its name.
    """

    why: str
    targets: list[Target]
    differ: bool

    @property
    def named(self) -> list[Target]:
        return self.targets[:NAMES]

    @property
    def unnamed(self) -> int:
        return len(self.targets) - len(self.named)


def text_groups(plan: SendPlan) -> list[TextGroup]:
    """Return the groups, the largest first."""
    found: dict[str, list[Target]] = defaultdict(list)
    for target in plan.ready:
        found[target.locale].append(target)
    groups = [_text_group(locale, targets) for locale, targets in found.items()]
    if plan.contacts is not None:
        for group in groups:
            group.contacts = contact_words(
                plan.contacts, (target.interaction_id for target in group.targets)
            )
    return sorted(groups, key=lambda group: (-len(group.targets), group.locale))


def _text_group(locale: str, targets: list[Target]) -> TextGroup:
    by_text: dict[str, list[Target]] = defaultdict(list)
    for target in targets:
        by_text[target.body].append(target)
    samples = [
        Sample(body, those[0], len(those) - 1) for body, those in list(by_text.items())[:SAMPLES]
    ]
    return TextGroup(locale, targets, samples, len(by_text))


def sampled(groups: Iterable[TextGroup]) -> list[str]:
    """Return the chats whose texts the groups show."""
    return [sample.target.interaction_id for group in groups for sample in group.samples]


def gaps(plan: SendPlan, left_out: Sequence[str]) -> list[Gap]:
    """Return the gaps, including those that are left out already."""
    found = []
    for kind, reason in LEFT_OUT.items():
        is_out = kind in left_out
        if is_out:
            those = [target for target in plan.skipped if target.reason == reason]
            sentences = [_out_words(kind, len(those))]
        else:
            those = [target for target in plan.ready if _kind(target) == kind]
            sentences = gap_words(
                ((target.chat_locale or "", target.locale, 1) for target in those), len(plan.ready)
            )
        if those or is_out:
            found.append(Gap(kind.value, sentences, len(those), is_out))
    return found


def _kind(target: Target) -> LeaveOut | None:
    if target.own_language:
        return None
    known = language_tags.is_known(target.chat_locale or "")
    return LeaveOut.OTHER_LANGUAGE if known else LeaveOut.UNKNOWN_LANGUAGE


def _out_words(kind: LeaveOut, count: int) -> str:
    if kind == LeaveOut.OTHER_LANGUAGE:
        words = ngettext(
            "Left out: %(n)s chat for which there is no text in its language",
            "Left out: %(n)s chats for which there is no text in their language",
            count,
        )
    else:
        words = ngettext(
            "Left out: %(n)s chat that says no language",
            "Left out: %(n)s chats that say no language",
            count,
        )
    return words % {"n": f"{count:,}"}


def skipped_groups(plan: SendPlan) -> list[SkippedGroup]:
    """Return the groups, the most frequent reason first."""
    found: dict[str, list[Target]] = defaultdict(list)
    for target in plan.skipped:
        found[target.reason].append(target)
    groups = []
    for reason, targets in found.items():
        details = {target.detail for target in targets}
        if reason == Reason.CONTACT_BUDGET:
            why, details = spent_words(details), set()
        else:
            why = worded(details.pop()) if len(details) == 1 else str(Reason(reason).label)
        groups.append(SkippedGroup(why or _("Skipped"), targets, len(details) > 0))
    return sorted(groups, key=lambda group: (-len(group.targets), group.why))
