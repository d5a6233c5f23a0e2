"""What a mail and a channel's message say: who asks, a title, a number of chats, one link.

Nothing of a text and nothing of a customer is in a matter, so nothing of it can be here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.notifications.kinds import KINDS, Kind
from console.notifications.models import TEST, Matter, Notification, Step
from console.notifications.services import Letter
from console.text.visible import is_one_line

LISTED = 10


@dataclass(frozen=True, slots=True)
class Words:
    """A letter in words. `lines` are what waits; `more` is how many are not listed."""

    subject: str
    opening: str
    lines: Sequence[str]
    more: int
    link: str
    closing: str


def matter_words(kind: Kind, matter: Matter) -> str:
    """Return one line: who asks for what."""
    chats = ngettext("%(n)d chat", "%(n)d chats", matter.number or 0) % {"n": matter.number or 0}
    asks = str(kind.words) % {"title": _line(matter.title), "chats": chats}
    return f"{_line(matter.by_name)} {asks}"


def words_of(letter: Letter) -> Words:
    """Return a letter's words in the console's own language: nobody knows the reader's."""
    with translation.override(settings.LANGUAGE_CODE):
        first = letter.first
        if first.kind == TEST or first.matter is None:
            return _test_words()
        return _matters_words(letter, KINDS[first.kind])


def _test_words() -> Words:
    return Words(
        subject=_("A test of the console's mail"),
        opening=_("Mail works: an administrator has sent this test to themselves."),
        lines=(),
        more=0,
        link=settings.CONSOLE_URL + reverse("mail-state"),
        closing=_("Nobody needs to do anything."),
    )


def _matters_words(letter: Letter, kind: Kind) -> Words:
    matters = [row.matter for row in letter.notifications if row.matter is not None]
    lines = [matter_words(kind, matter) for matter in matters]
    if len(matters) == 1:
        subject, link = lines[0], kind.link(matters[0].ref)
    else:
        subject = _("%(n)d matters wait for your decision") % {"n": len(matters)}
        link = reverse(kind.page)
    return Words(
        subject=_step_words(letter.first.step) % {"what": subject},
        opening=str(kind.label),
        lines=lines[:LISTED],
        more=max(0, len(lines) - LISTED),
        link=settings.CONSOLE_URL + link,
        closing=_why(letter.first),
    )


def _step_words(step: str) -> str:
    if step == Step.REMINDED:
        return _("Reminder: %(what)s")
    if step == Step.ESCALATED:
        return _("Nobody has decided yet: %(what)s")
    return "%(what)s"


def _why(row: Notification) -> str:
    if row.absent is not None:
        name = _line(str(row.absent))
        return _("You get this mail in the stead of %(name)s, who has named you.") % {"name": name}
    if row.step == Step.ESCALATED:
        return _("Everybody who may decide gets this mail.")
    return _("You get this mail because you may decide. Your account says which mails you get.")


def _line(text: str) -> str:
    """Return the text without anything that ends a line of a mail's head."""
    return text if is_one_line(text) else " ".join(text.split())


def mail_of(letter: Letter) -> EmailMultiAlternatives:
    """Return the mail. Each attempt has the same Message-ID."""
    words = words_of(letter)
    person = letter.first.person
    _name, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    domain = sender.rpartition("@")[2]
    with translation.override(settings.LANGUAGE_CODE):
        plain = render_to_string("notifications/mail.txt", {"words": words})
        html = render_to_string(
            "notifications/mail.html", {"words": words, "language": settings.LANGUAGE_CODE}
        )
    mail = EmailMultiAlternatives(
        subject=f"[Notice Console] {words.subject}",
        body=plain,
        to=[person.email if person is not None else ""],
        headers={
            "Message-ID": f"<{letter.key}@{domain}>",
            # Nobody's absence note is to answer.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    mail.attach_alternative(html, "text/html")
    return mail


def channel_text(letter: Letter) -> tuple[str, str]:
    """Return the title and the text for a channel."""
    words = words_of(letter)
    more = [_("and %(n)d more") % {"n": words.more}] if words.more else []
    return words.subject, "\n".join([*words.lines, *more, words.link])
