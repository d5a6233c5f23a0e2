"""Hands a letter over: a mail to the mail server, a message to a channel.

Every failure becomes an outcome. Once the mail server may have the mail, it is not sent again.
"""

import smtplib
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail import get_connection

from console.notifications import problems
from console.notifications.letters import channel_text, mail_of
from console.notifications.models import Route, Status
from console.notifications.services import Letter, Outcome

ANSWER_KEPT = 200


def carry(letter: Letter) -> Outcome:
    """Hand a letter over, in a thread, and return what became of it."""
    if letter.first.route == Route.CHANNEL:
        return _tell_channel(letter)
    return _send_mail(letter)


def _send_mail(letter: Letter) -> Outcome:
    if not settings.MAIL_SERVER:
        return Outcome(Status.WAITING, problems.NOT_SET_UP())
    backend = get_connection()
    mail = mail_of(letter)
    mail.connection = backend
    try:
        mail.send()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return _failed(error, may_have_arrived=getattr(backend, "may_have_arrived", False))
    finally:
        # A connection on which TLS or the sign-in has failed is still open.
        with suppress(OSError):
            backend.close()
    return Outcome(Status.SENT)


def _failed(error: Exception, *, may_have_arrived: bool) -> Outcome:
    if may_have_arrived:
        return Outcome(Status.UNKNOWN, problems.MAYBE(error=_words(error)))
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(error.recipients.values()))
        return _answered(code, answer)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Outcome(Status.WAITING, problems.NOT_SIGNED_IN(code=error.smtp_code))
    if isinstance(error, smtplib.SMTPConnectError):
        return Outcome(Status.WAITING, problems.LATER(code=error.smtp_code, answer=""))
    if isinstance(error, smtplib.SMTPResponseException):
        return _answered(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPException):
        return Outcome(Status.WAITING, problems.BROKEN(error=_words(error)))
    return Outcome(Status.WAITING, problems.NO_CONNECTION(error=_words(error)))


def _answered(code: int, answer: bytes | str) -> Outcome:
    """Return the outcome of an answer that refuses: from 500 on for good."""
    words = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    words = " ".join(words.split())[:ANSWER_KEPT]
    if code >= 500:
        return Outcome(Status.FAILED, problems.REFUSED(code=code, answer=words))
    return Outcome(Status.WAITING, problems.LATER(code=code, answer=words))


def _words(error: Exception) -> str:
    """Return an error's words, without what a library may have put of the address into them."""
    said = str(error) or type(error).__name__
    for secret in (settings.EMAIL_HOST_PASSWORD, settings.EMAIL_HOST_USER):
        if secret:
            said = said.replace(secret, "…")
    return said[:ANSWER_KEPT]


def _tell_channel(letter: Letter) -> Outcome:
    address = settings.CHANNELS.get(letter.first.channel)
    if address is None:
        return Outcome(Status.FAILED, problems.CHANNEL_GONE())
    title, text = channel_text(letter)
    result = _apprise(address).notify(body=text, title=title, body_format="text")
    if result:
        return Outcome(Status.SENT)
    if "TIMEOUT" in {each.status.name for each in getattr(result, "results", ())}:
        return Outcome(Status.UNKNOWN, problems.CHANNEL_SILENT())
    return Outcome(Status.WAITING, problems.CHANNEL_FAILED())


def _apprise(address: str) -> Any:
    """Return Apprise with one channel. It fills in no templates, follows no redirects, keeps
    nothing on the disk, and makes no keys."""
    from apprise import Apprise, AppriseAsset  # loaded only where there are channels

    asset = AppriseAsset(
        app_id="Notice Console",
        app_desc="Notice Console",
        app_url=settings.CONSOLE_URL,
        async_mode=False,
        allow_templates=False,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
    )
    found = Apprise(asset=asset)
    found.add(address)
    return found
