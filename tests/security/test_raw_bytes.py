"""What no client library would send: bytes to the running server, by socket."""

import pytest

from tests.support.serving import Server, shared_server

pytestmark = pytest.mark.django_db(transaction=True)

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
LIMIT = 4 * 1024 * 1024


server = shared_server(CONSOLE_STRANGER_RATE="9999/min")


def request(line: bytes, headers: bytes = b"", body: bytes = b"") -> bytes:
    return (
        line + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + headers + b"\r\n" + body
    )


REFUSED = {
    "two lengths": request(
        b"POST /accounts/login/", b"Content-Length: 3\r\nContent-Length: 30\r\n", b"a=b"
    ),
    "a length that is none": request(b"POST /accounts/login/", b"Content-Length: 3x\r\n", b"a=b"),
    "a negative length": request(b"POST /accounts/login/", b"Content-Length: -1\r\n", b"a=b"),
    "an unknown encoding of the transfer": request(
        b"POST /accounts/login/", b"Transfer-Encoding: gzip\r\n", b"a=b"
    ),
    "a blank before the colon": request(b"GET /accounts/login/", b"Content-Length : 3\r\n"),
    "a header with a NUL": request(b"GET /accounts/login/", b"X-A: a\0b\r\n"),
    "a header without a name": request(b"GET /accounts/login/", b": 1\r\n"),
    "an endless header": request(b"GET /accounts/login/", b"X-A: " + b"a" * 200_000 + b"\r\n"),
    "an endless address": request(b"GET /" + b"a" * 200_000),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "raw bytes in the address": request(b"GET /\xff\xfe/"),
    "a NUL": request(b"GET /%00/"),
    "a chunk that is none": request(
        b"POST /accounts/login/", b"Transfer-Encoding: chunked\r\n", b"zz\r\na=b\r\n0\r\n\r\n"
    ),
}


def test_what_is_no_request_is_refused_and_nothing_behind_it_is_answered(server: Server) -> None:
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for what, head in REFUSED.items():
        answer = server.raw(head + smuggled)
        assert answer == b"" or answer.split()[1] in (b"400", b"404", b"414", b"431", b"501"), (
            what,
            answer[:300],
        )
        assert b'"alive"' not in answer, what
        assert b"Traceback" not in answer, what
        assert b"server: " not in answer.lower(), what


def test_a_length_beside_chunks_smuggles_nothing(server: Server) -> None:
    """The chunks are the body, whatever length is said; the connection ends behind them."""
    head = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n" + FORM
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = server.raw(
        request(b"POST /accounts/login/", head, b"3\r\na=b\r\n0\r\n\r\n" + smuggled)
    )
    assert answer.count(b"HTTP/1.1 ") <= 1, answer[:2000]


@pytest.mark.parametrize("path", [b"/accounts/login/", b"/api/v1/sends/", b"/nothing/"])
def test_a_body_over_the_limit_is_not_read(server: Server, path: bytes) -> None:
    """By its length before a byte of it, and by what came of it where no length was said."""
    said = request(b"POST " + path, FORM + b"Content-Length: %d\r\n" % (LIMIT + 1), b"a=")
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    chunked = request(b"POST " + path, FORM + b"Transfer-Encoding: chunked\r\n", chunk * 80)
    for sent in (said, chunked):
        answer = server.raw(sent)
        assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
        assert b"larger than 4,194,304 bytes" in answer
        assert b"x-content-type-options: nosniff" in answer.lower()
    assert (b"application/json" in answer) == path.startswith(b"/api/")
