"""A security key in software, which answers as a browser with a real one does."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA

from console.accounts.models import User
from console.accounts.services import security_events
from console.audit.actions import Action
from console.audit.verify import to_web

METHODS: dict[str, Any] = {"ES256": ES256, "EdDSA": EdDSA, "RS256": RS256}


def new_private_key(method: str) -> Any:
    if method == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if method == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


@dataclass
class SoftwareKey:
    """It counts its answers, unless `counter` is None. `flags`: touched, and its PIN was given."""

    method: str = "ES256"
    counter: int | None = 0
    flags: int = 0b101
    credential_id: bytes = b""
    private: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.private = self.private or new_private_key(self.method)
        self.credential_id = self.credential_id or hashlib.sha256(self.public).digest()[:20]

    @property
    def public(self) -> bytes:
        key: CoseKey = METHODS[self.method].from_cryptography_key(self.private.public_key())
        public: bytes = cbor.encode(key)
        return public

    def registered(self, user: User, *, site: str = "testserver", is_entered: bool = True) -> Any:
        """Make it one of a person's keys, in the ledger, too, unless a console of before did it."""
        data = self._data(site, flags=0b1000101) + bytes(16)
        data += len(self.credential_id).to_bytes(2) + self.credential_id + self.public
        attested = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = {"type": "webauthn.create", "challenge": "AAAA", "origin": f"https://{site}"}
        response = {
            "clientDataJSON": to_web(json.dumps(client).encode()),
            "attestationObject": to_web(attested),
        }
        name = to_web(self.credential_id)
        credential = {"id": name, "rawId": name, "type": "public-key", "response": response}
        key = Authenticator.objects.create(
            user=user, type="webauthn", data={"name": "Blue", "credential": credential}
        )
        if is_entered:
            added = Action.USER_SECOND_FACTOR_ADDED
            security_events.second_factor_changed(user, added, "webauthn", key)
        return key

    def _data(self, site: str, *, flags: int) -> bytes:
        counter = (self.counter or 0).to_bytes(4)
        return hashlib.sha256(site.encode()).digest() + bytes([flags]) + counter

    def signed(self, message: bytes) -> bytes:
        if self.method == "ES256":
            signature: bytes = self.private.sign(message, ec.ECDSA(hashes.SHA256()))
        elif self.method == "EdDSA":
            signature = self.private.sign(message)
        else:
            signature = self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return signature

    def answer(
        self, challenge: str, *, site: str = "testserver", origin: str = "", **told: Any
    ) -> dict[str, Any]:
        """Return what the browser posts. `challenge` is that of the page, in base64url."""
        if self.counter is not None:
            self.counter += 1
        said = {
            "type": "webauthn.get",
            "challenge": challenge,
            "origin": origin or f"https://{site}",
            "crossOrigin": False,
            **told,
        }
        client = json.dumps(said).encode()
        data = self._data(site, flags=self.flags)
        name = to_web(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": to_web(client),
                "authenticatorData": to_web(data),
                "signature": to_web(self.signed(data + hashlib.sha256(client).digest())),
            },
        }
