"""What an authenticator app shows (RFC 6238), written anew: the library is not to test itself."""

import base64
import hmac
import struct
import time

PERIOD_SECONDS = 30


def code(secret: str, *, windows: int = 0) -> str:
    """The six digits of now, or of so many windows later or, below 0, earlier."""
    counter = int(time.time()) // PERIOD_SECONDS + windows
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), "sha1")
    start = digest[-1] & 15
    (number,) = struct.unpack(">I", digest[start : start + 4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"
