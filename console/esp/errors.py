"""Errors of the ESP client library.

EspError
├── ProtocolError     the peer broke the framing; the connection is closed
├── InvalidRequest    (also a ValueError) a request that may not be built
├── InvalidAddress    (also a ValueError) an address no transport understands
└── NotConnected      no connection, and nothing was written
"""


class EspError(Exception):
    """Root of every error this library raises on purpose."""


class ProtocolError(EspError):
    """The peer sent something the framing does not allow (docs/domain.md section 5)."""


class InvalidRequest(EspError, ValueError):
    """A request that may not be built. `code` is for programs, the text is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["InvalidRequest"], tuple[str, str]]:
        return type(self), (self.code, self.args[0])


class InvalidAddress(EspError, ValueError):
    """A Chat Server address that is malformed or whose scheme no transport serves."""


class NotConnected(EspError):
    """No connection could be made, so not a byte of a request was written."""
