"""A real SMTP server on loopback that remembers its mails, and fails as a test wants it."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from console.listening import settled, stop_listening
from tests.support.network import free_port

USER, PASSWORD = "console", "p@ss/word:1"


@dataclass
class MailServer:
    """`answers` are the next answers to a command ("MAIL", "RCPT", "DATA"): a text, or BREAK, which
    ends the connection without one. Then it takes all. `taken` has what it would deliver."""

    port: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    signed_in: int = 0
    over_tls: list[bool] = field(default_factory=list)

    def answer(self, command: str) -> str:
        left = self.answers.get(command, [])
        return left.pop(0) if left else ""


# Ends the connection before the server has the mail, or after it has it.
BREAK, BREAK_AFTER = "break", "break after"


class Handler:
    """What aiosmtpd asks for each command."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: Any
    ) -> Any:
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        envelope.mail_from = address
        return self._said(server, "MAIL")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._said(server, "RCPT")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        wanted = self._server.answer("DATA")
        if wanted in ("", BREAK_AFTER):
            content = envelope.content
            assert isinstance(content, bytes)
            self._server.taken.append(message_from_bytes(content, policy=policy.default))
            self._server.recipients += envelope.rcpt_tos
            self._server.over_tls.append(session.ssl is not None)
        return self._ends(server, wanted)

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        self._server.signed_in += is_right
        return AuthResult(success=is_right, handled=False)

    def _said(self, server: SMTP, command: str) -> str:
        return self._ends(server, self._server.answer(command))

    def _ends(self, server: SMTP, wanted: str) -> str:
        if wanted in (BREAK, BREAK_AFTER):
            transport = server.transport
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return "421 gone"
        return wanted or "250 OK"


class ClosingController(Controller):
    """aiosmtpd's own leaves connections open: the one by which it looks whether it is up, too."""

    def __init__(self, handler: Handler, **options: Any) -> None:
        self._let_in: list[SMTP] = []
        super().__init__(handler, **options)

    def factory(self) -> SMTP:
        server: SMTP = super().factory()
        self._let_in.append(server)
        return server

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result()
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        await stop_listening(self.server)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._let_in:
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()
        await settled()


@contextmanager
def mail_server(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    signs_in: bool = False,
) -> Iterator[MailServer]:
    running = MailServer(port=free_port())
    handler = Handler(running)
    options: dict[str, Any] = {"tls_context": starttls, "require_starttls": starttls is not None}
    if signs_in:
        options |= {
            "authenticator": handler.authenticate,
            "auth_required": True,
            "auth_require_tls": starttls is not None,
        }
    controller = ClosingController(
        handler,
        hostname="127.0.0.1",
        port=running.port,
        ssl_context=tls,
        ready_timeout=60,
        **options,
    )
    controller.start()
    try:
        yield running
    finally:
        controller.stop()
