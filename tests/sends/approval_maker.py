"""Makes approvals by security key for proofs of one delivery, by docs/proof-format.md and
docs/approvals.md, with the standard library and cryptography alone: nothing of the console."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.sends import proof_maker as maker
from tests.sends.proof_maker import SEND, VERSION, Entry, Maker, canonical, sha256

SITE = "console.example"
METHODS = ("ES256", "EdDSA", "RS256")
RITA = (VERSION["reviewer_ref"], VERSION["reviewer_name"])
SUE = ("user:3", "Sue Supervisor")
# Two primes, so that the key is the same each time.
_PRIMES = [
    0xE902052EC794EC67DB7618F38786A8A7B7BCC41BC1A44AEC98D943EA98F217BFA1E32F97BA8EE748E28859686AFCE490AD61AA39BA163758459E3165EE7CE027,
    0xCCFBFDC78CA74EE25E4F61271EA9A7C7A91B6F3093D6D5BC0579C0D0F606F7BDDCC35F68648EFBADE667C0663130B2D145F07081A63E013AE4296E9F654E5D4B,
]


def web(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _rsa_key() -> rsa.RSAPrivateKey:
    p, q = _PRIMES
    d = pow(65537, -1, (p - 1) * (q - 1))
    ends = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    return rsa.RSAPrivateNumbers(p, q, d, *ends, rsa.RSAPublicNumbers(65537, p * q)).private_key()


def _bytes(data: bytes) -> bytes:
    """A byte string in CBOR."""
    size = len(data)
    head = bytes([0x58, size]) if size < 256 else b"\x59" + size.to_bytes(2)
    return head + data


@dataclass(frozen=True)
class SecurityKey:
    """Somebody's security key; the same name gives the same key."""

    name: str
    method: str = "ES256"

    @property
    def private(self) -> Any:
        if self.method == "ES256":
            return ec.derive_private_key(
                int.from_bytes(sha256(self.name.encode())) >> 1, ec.SECP256R1()
            )
        return maker.private(self.name) if self.method == "EdDSA" else _rsa_key()

    @property
    def public(self) -> bytes:
        """The COSE key."""
        if self.method == "EdDSA":
            return bytes.fromhex("a4010103272006") + b"\x21" + _bytes(maker.public(self.private))
        numbers = self.private.public_key().public_numbers()
        if self.method == "ES256":
            x, y = (_bytes(value.to_bytes(32)) for value in (numbers.x, numbers.y))
            return bytes.fromhex("a5010203262001") + b"\x21" + x + b"\x22" + y
        n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)
        return bytes.fromhex("a401030339010020") + _bytes(n) + bytes.fromhex("2143010001")

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.public).hexdigest()

    def sign(self, message: bytes) -> bytes:
        if self.method == "EdDSA":
            signature = self.private.sign(message)
        elif self.method == "RS256":
            signature = self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        else:
            method = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
            signature = self.private.sign(message, method)
        return bytes(signature)


@dataclass(frozen=True, kw_only=True)
class Approval:
    """How an entry of the ledger is confirmed by a security key, and what of it is otherwise."""

    key: SecurityKey
    also: dict[str, Any]
    counter: int = 1
    flags: int = 5
    site: str = SITE
    statement: dict[str, Any] | None = None  # what the statement says otherwise
    told: dict[str, Any] | None = None  # what the browser says otherwise
    changed: Callable[[dict[str, Any]], object] | None = None  # after the signature

    def of(self, entry: Entry, seq: int) -> Entry:
        """The entry with its confirmation, as number `seq` of the ledger."""
        at = json.loads(entry.leaf(seq))["at"]
        left_out = ("release_at", "rows")
        content = {name: it for name, it in entry.data.items() if name not in left_out}
        kind, ref = entry.target
        statement = {
            "format": 1,
            "kind": kind,
            "action": entry.action,
            "ref": ref,
            "name": f"{kind} {ref}",
            "approver": entry.actor[0],
            "approver_name": entry.actor[1],
            "decision": "approve",
            "content_sha256": sha256(canonical({**content, **self.also}).encode()).hex(),
            "site": SITE,
            "nonce": sha256(b"nonce", bytes([seq])).hex()[:32],
            "asked_at": at.replace(":07.", ":02."),
            **(self.statement or {}),
        }
        confirmation = {
            "grade": "security_key",
            "rule": "required",
            "statement": statement,
            "also": self.also,
            "assertion": self.answered(sha256(canonical(statement).encode())),
        }
        if self.changed:
            self.changed(confirmation)
        return replace(entry, data={**entry.data, "confirmation": confirmation})

    def answered(self, challenge: bytes) -> dict[str, str]:
        client = {
            "type": "webauthn.get",
            "challenge": web(challenge),
            "origin": f"https://{SITE}",
            "crossOrigin": False,
            **(self.told or {}),
        }
        said = json.dumps(client).encode()
        counted = self.counter.to_bytes(4)
        data = sha256(self.site.encode()) + bytes([self.flags]) + counted
        return {
            "credential_id": web(sha256(self.key.public)[:16]),
            "public_key": web(self.key.public),
            "authenticator_data": web(data),
            "client_data": web(said),
            "signature": web(self.key.sign(data + sha256(said))),
        }


RITAS, SUES, SUES_OTHER = (
    SecurityKey("Rita", "RS256"),
    SecurityKey("Sue"),
    SecurityKey("Sue", "EdDSA"),
)
APPROVERS = [f"{RITA[0]}={RITAS.fingerprint}"]
APPROVERS += [f"{SUE[0]}={key.fingerprint}" for key in (SUES, SUES_OTHER)]
ROWS = {"version:7": {"status": "published", "reviewed_at": "2026-11-30T09:01:07Z"}}
OF_VERSION = Approval(
    key=RITAS,
    also={
        "message_type": VERSION["message_type"],
        "rows_sha256": sha256(canonical({"version:7": {"status": "published"}}).encode()).hex(),
    },
    counter=0,
)
TARGETS = sha256(b"the chats").hex()


def version_approved(**changes: Any) -> Entry:
    data = {name: VERSION[name] for name in ("bodies", "default_locale")}
    data |= {"status": "published", "rows": ROWS}
    entry = Entry("version.approved", ("version", "delivery-late/3"), data, RITA)
    return replace(entry, **changes)


def of_send(**changes: Any) -> Approval:
    """Sue's approval of the send that the maker's ledger asks for."""
    asked = maker.created(targets_sha256=TARGETS).data
    names = ("notice", "version", "version_sha256", "visibility", "why", "targets_sha256")
    also = {name: asked[name] for name in names} | {"nickname": "", "scheduled_at": ""}
    also |= changes.pop("also", {})
    return Approval(**{"key": SUES, "also": also, **changes})


def send_approved(seq: int, **data: Any) -> Entry:
    said = {"status": "running", "release_at": f"2026-11-30T09:{seq:02}:07.100000+00:00"}
    return Entry("send.approved", ("send", str(SEND)), {**said, "sender": "Ann", **data}, SUE)


def approved(*more: Entry, version: Entry | None = None, send: Entry | None = None) -> Maker:
    """A proof with an approval of the version by RSA, and one of the send by ECDSA."""
    entries = [
        version or OF_VERSION.of(version_approved(), 1),
        maker.created(targets_sha256=TARGETS),
        send or of_send().of(send_approved(3), 3),
        *more,
        maker.ended(),
    ]
    places: dict[int, int | None] = dict.fromkeys(range(1, len(entries)))
    return Maker(entries, {**places, len(entries): 1})
