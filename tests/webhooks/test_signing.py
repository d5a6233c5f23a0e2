"""Signatures, by the library of the scheme, and secrets as they are kept."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import InvalidToken
from django.utils import timezone
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from console.webhooks import signing

BODY = b'{"type":"send.finished","data":{"send":1}}'


def headers(*secrets: str, **parts: Any) -> dict[str, str]:
    given = {"webhook_id": "msg_1", "at": timezone.now(), "body": BODY, **parts}
    return signing.signed_headers(secrets, **given)


def test_the_schemes_library_verifies_what_is_signed() -> None:
    secret = signing.new_secret()
    assert Verifier(secret).verify(BODY, headers(secret)) == {
        "type": "send.finished",
        "data": {"send": 1},
    }


@pytest.mark.parametrize(
    "parts",
    [
        {"body": BODY + b" "},
        {"webhook_id": "msg_2"},
        {"at": timezone.now() - timedelta(minutes=1)},
    ],
)
def test_what_was_changed_does_not_verify(parts: dict[str, Any]) -> None:
    secret = signing.new_secret()
    changed = headers(secret, **parts)
    signed = {**headers(secret), "webhook-signature": changed["webhook-signature"]}
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(BODY, signed)


def test_another_secret_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        Verifier(signing.new_secret()).verify(BODY, headers(signing.new_secret()))


def test_two_secrets_sign_side_by_side() -> None:
    old, new = signing.new_secret(), signing.new_secret()
    signed = headers(new, old)
    assert Verifier(old).verify(BODY, signed) == Verifier(new).verify(BODY, signed)


def test_the_librarys_own_signature_is_ours() -> None:
    secret, at = signing.new_secret(), timezone.now()
    theirs = Verifier(secret).sign("msg_1", at, BODY.decode())
    assert theirs == headers(secret, at=at)["webhook-signature"]


def test_a_secret_is_kept_encrypted_and_survives_a_new_secret_key(settings: Any) -> None:
    secret = signing.new_secret()
    kept = signing.sealed(secret)
    assert secret.removeprefix(signing.PREFIX) not in kept
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another one that is long enough"
    with pytest.raises(InvalidToken):
        signing.unsealed(kept)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert signing.unsealed(kept) == secret
