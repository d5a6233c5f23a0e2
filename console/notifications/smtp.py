"""Django's SMTP backend, which also tells whether a broken dialogue may have delivered the mail."""

import smtplib
import ssl
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend


class _Watched:
    """Notes that the message was handed over, from its first byte to the server's answer."""

    handed_over = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        # As in smtplib, with the note between the two halves.
        self.putcmd("data")  # type: ignore[attr-defined]
        code, reply = self.getreply()  # type: ignore[attr-defined]
        if code != 354:
            raise smtplib.SMTPDataError(code, reply)
        self.handed_over = True
        self.send(_quoted(msg))  # type: ignore[attr-defined]
        code, reply = self.getreply()  # type: ignore[attr-defined]
        self.handed_over = False
        return code, reply


def _quoted(msg: str | bytes) -> bytes:
    """Return the message with doubled leading dots, and the line that ends it."""
    if isinstance(msg, str):
        msg = msg.encode("ascii")
    text = b"\r\n".join(msg.splitlines()) + b"\r\n"
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..") + b".\r\n"


class WatchedSmtp(_Watched, smtplib.SMTP):
    pass


class WatchedSmtpOverTls(_Watched, smtplib.SMTP_SSL):
    pass


class Backend(EmailBackend):
    """`may_have_arrived` is true after an error that came between the message's first byte and the
    server's answer to it: nobody knows whether the server delivers it."""

    may_have_arrived = False

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=settings.EMAIL_CA or None)

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return WatchedSmtpOverTls if self.use_ssl else WatchedSmtp

    def _send(self, email_message: Any) -> bool:
        self.may_have_arrived = False
        try:
            sent: bool = super()._send(email_message)  # type: ignore[misc]
        except BaseException:
            self.may_have_arrived = bool(getattr(self.connection, "handed_over", False))
            raise
        return sent
