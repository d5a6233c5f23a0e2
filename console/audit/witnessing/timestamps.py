"""Writes time stamps of RFC 3161: an authority says when a head of the tree was there already.

A time stamp is over the text of the head's note. It is verified when it comes and when it is shown.
"""

import ssl
import urllib.request
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from cryptography import x509
from django.conf import settings
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from console.audit.models import AuditTimestamp, AuditTreeHead
from console.audit.tlog import notes
from console.audit.tlog.notes import BadNote
from console.audit.tlog.tree import current_log, head_said, newest_head

SECONDS = 15
MOST_BYTES = 256 * 1024

logger = structlog.get_logger("console.audit")


class NoTimestamp(Exception):
    """There is no valid time stamp. The text says why."""


def timestamp_make() -> AuditTimestamp | None:
    """Have the newest head stamped, once. Return the new stamp; None if there is none.

    An authority that can't be reached, or whose answer is not valid, is logged and asked again with
    the next round.
    """
    head, log = newest_head(), current_log()
    if not settings.TIMESTAMP_AUTHORITY or head is None or log is None:
        return None
    if head.origin != log.origin or AuditTimestamp.objects.filter(size=head.size).exists():
        return None
    try:
        head_said(head)
        response, at = _stamped(text_of(head))
    except (NoTimestamp, BadNote, OSError) as error:
        logger.error("head not time-stamped", size=head.size, error=str(error))
        return None
    return AuditTimestamp.objects.create(
        origin=head.origin,
        size=head.size,
        authority=settings.TIMESTAMP_AUTHORITY,
        response=response,
        at=at,
    )


class Stamp(NamedTuple):
    """A time stamp, and what is wrong with it ("" if it is valid)."""

    size: int
    at: datetime
    complaint: str


def newest_stamp() -> Stamp | None:
    """Return the newest time stamp, verified now; None if there is none."""
    found = AuditTimestamp.objects.first()
    if found is None:
        return None
    head = AuditTreeHead.objects.filter(size=found.size, origin=found.origin).first()
    try:
        if head is None:
            raise NoTimestamp("the head that it is for is missing")
        at = stamped_at(bytes(found.response), text_of(head))
    except (NoTimestamp, BadNote) as error:
        return Stamp(found.size, found.at, str(error))
    return Stamp(found.size, at, "")


def text_of(head: AuditTreeHead) -> bytes:
    """Return what is stamped of a head."""
    return notes.parse(head.note).text.encode()


def stamped_at(response: bytes, text: bytes, nonce: int | None = None) -> datetime:
    """Return the time that an answer states for this text. Raises NoTimestamp if it is not valid by
    the certificates of CONSOLE_TIMESTAMP_CERTIFICATES."""
    builder = VerifierBuilder(nonce=nonce)
    try:
        for each in x509.load_pem_x509_certificates(
            Path(settings.TIMESTAMP_CERTIFICATES).read_bytes()
        ):
            if each.issuer == each.subject:
                builder = builder.add_root_certificate(each)
            else:
                builder = builder.add_intermediate_certificate(each)
        decoded = decode_timestamp_response(response)
        builder.build().verify_message(decoded, text)
        return decoded.tst_info.gen_time
    except (VerificationError, ValueError, OSError) as error:
        raise NoTimestamp(f"the time stamp is not valid: {error}") from error


def _stamped(text: bytes) -> tuple[bytes, datetime]:
    request = (
        TimestampRequestBuilder()
        .data(text)
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=True)
        .cert_request(cert_request=True)
        .build()
    )
    response = _post(request.as_bytes())
    return response, stamped_at(response, text, request.nonce)


def _post(body: bytes) -> bytes:
    """Raises NoTimestamp, OSError."""
    request = urllib.request.Request(  # noqa: S310 - https, which the setting's check requires
        settings.TIMESTAMP_AUTHORITY,
        body,
        {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"},
        method="POST",
    )
    trusted = ssl.create_default_context(cafile=settings.TIMESTAMP_CA or None)
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=trusted), _RefuseRedirects
    )
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            response: bytes = answer.read(MOST_BYTES + 1)
    except HTTPException as error:
        raise NoTimestamp(f"it does not answer as a web server does: {error!r}") from error
    if len(response) > MOST_BYTES:
        raise NoTimestamp(f"its answer has more than {MOST_BYTES} bytes")
    return response


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without the request."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None
