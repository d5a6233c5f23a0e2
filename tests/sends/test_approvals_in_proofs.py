"""Approvals by security key in the proof of one delivery, as both verifiers check them: verify.py,
and static/verify-delivery.html in a browser. They agree on each case."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page

from console.audit import verify
from tests.sends import approval_maker
from tests.sends import proof_maker as maker
from tests.sends.approval_maker import (
    APPROVERS,
    METHODS,
    OF_VERSION,
    RITAS,
    SUE,
    SUES,
    SUES_OTHER,
    SecurityKey,
    approved,
    of_send,
    send_approved,
    version_approved,
)
from tests.sends.proof_maker import CONSOLE, Entry
from tests.sends.test_verify_page import ask, broken, page, sentences

__all__ = ["page"]  # the fixture

KEY = maker.b64(maker.public(CONSOLE))


def told(file: bytes, *approvers: str) -> verify.Report:
    keys, known = verify.Keys([KEY]), verify.approvers_of(approvers)
    return verify.verify_delivery_bytes(file, keys, approvers=known)


def by(key: SecurityKey, **changes: Any) -> bytes:
    return approved(send=of_send(key=key, **changes).of(send_approved(3), 3)).file()


def of_sue(**changes: Any) -> bytes:
    return by(SUES, **changes)


def after_it(change: Callable[[dict[str, Any]], object]) -> bytes:
    """With a confirmation that was changed after the key signed it."""
    return of_sue(changed=change)


def of_entry(entry: Entry, signed: Entry | None = None) -> bytes:
    """The confirmation of one entry in another one."""
    made = of_send().of(signed or send_approved(3), 3)
    data = {**entry.data, "confirmation": made.data["confirmation"]}
    return approved(send=replace(entry, data=data)).file()


def without_a_key(grade: str, rule: str, **more: Any) -> bytes:
    entry = send_approved(3, confirmation={"grade": grade, "rule": rule, **more})
    return approved(send=entry).file()


def of_another_version(**data: Any) -> bytes:
    entry = version_approved()
    return approved(version=OF_VERSION.of(replace(entry, data=entry.data | data), 1)).file()


def twice() -> bytes:
    once = of_send().of(send_approved(3), 3)
    again = of_send(counter=2).of(send_approved(4), 4)
    statement = dict(once.data["confirmation"]["statement"])
    late = of_send(counter=2, statement={"nonce": statement["nonce"]}).of(send_approved(4), 4)
    assert again.data != late.data
    return approved(late, send=once).file()


def counted_back() -> bytes:
    once = of_send(counter=5).of(send_approved(3), 3)
    return approved(of_send(counter=5).of(send_approved(4), 4), send=once).file()


def confirmed_request() -> bytes:
    made = approved()
    confirmation = of_send().of(send_approved(3), 3).data["confirmation"]
    created = made.ledger[1]
    made.ledger[1] = replace(created, data={**created.data, "confirmation": confirmation})
    return made.file()


def no_key(public: bytes) -> Callable[[dict[str, Any]], object]:
    return lambda said: said["assertion"].update(public_key=approval_maker.web(public))


HOLD: dict[str, Callable[[], bytes]] = {
    "rows that nobody signed": lambda: approved(
        version=replace(OF_VERSION, also={}).of(version_approved(), 1)
    ).file(),
    "two security keys approved": lambda: approved().file(),
    "a key of Ed25519 approved": lambda: by(SUES_OTHER),
    "a session by password approved": lambda: without_a_key("password", "off"),
}
BROKEN: dict[str, Callable[[], bytes]] = {
    "a key that the approver did not name": lambda: by(SecurityKey("Eve")),
    "another challenge": lambda: of_sue(told={"challenge": approval_maker.web(bytes(32))}),
    "another site's number": lambda: of_sue(site="evil.example"),
    "another origin": lambda: of_sue(told={"origin": "https://evil.example"}),
    "an origin without TLS": lambda: of_sue(told={"origin": "http://console.example"}),
    "in a frame of others": lambda: of_sue(told={"crossOrigin": True}),
    "a new key's answer": lambda: of_sue(told={"type": "webauthn.create"}),
    "nobody touched the key": lambda: of_sue(flags=4),
    "another's signature": lambda: after_it(
        lambda said: said["assertion"].update(
            signature=of_send(key=SecurityKey("Eve")).answered(b"")["signature"]
        )
    ),
    "another key in its place": lambda: after_it(no_key(SecurityKey("Eve").public)),
    "a key of another kind": lambda: after_it(no_key(bytes.fromhex("a2010403382e"))),
    "a key that is none": lambda: after_it(no_key(b"\xa1\x01")),
    "a point on no curve": lambda: after_it(no_key(SUES.public[:-1] + b"\0")),
    "another content": lambda: of_entry(send_approved(3, sender="Eve")),
    "another action": lambda: of_entry(send_approved(3), maker.created()),
    "another approver": lambda: of_entry(replace(send_approved(3), actor=("user:9", "Eve"))),
    "another name": lambda: of_entry(replace(send_approved(3), actor=("user:3", "Eve"))),
    "another statement": lambda: after_it(lambda said: said["statement"].update(nonce="0" * 32)),
    "a rejection": lambda: of_sue(statement={"decision": "reject"}),
    "another format of the statement": lambda: of_sue(statement={"format": 2}),
    "asked for an hour before": lambda: of_sue(
        statement={"asked_at": "2026-11-30T08:03:02.123456Z"}
    ),
    "asked for afterwards": lambda: of_sue(statement={"asked_at": "2026-11-30T09:05:02.123456Z"}),
    "it leaves at another time": lambda: of_entry(
        send_approved(3, release_at="2026-11-30T10:00:00+00:00")
    ),
    "it is scheduled for another time": lambda: approved(
        send=of_send(also={"scheduled_at": "2026-12-01T08:00:00+00:00"}).of(
            send_approved(3, status="scheduled", release_at="2026-12-02T08:00:00+00:00"), 3
        )
    ).file(),
    "other chats than were asked for": lambda: of_sue(also={"targets_sha256": "0" * 64}),
    "the same thing twice": lambda: of_sue(also={"sender": "Ann"}),
    "a member more": lambda: after_it(lambda said: said.update(more="")),
    "a member more in the answer": lambda: after_it(lambda said: said["assertion"].update(more="")),
    "an answer in another form": lambda: after_it(
        lambda said: said["assertion"].update(signature=said["assertion"]["signature"] + "=")
    ),
    "no key, where the rule required one": lambda: without_a_key("password", "required"),
    "no key, but what only a key's answer has": lambda: without_a_key("session", "off", also={}),
    "a statement that was used before": twice,
    "a key that counts back": counted_back,
    "a request that was confirmed": confirmed_request,
    "other rows than were signed": lambda: of_another_version(rows={"version:7": None}),
    "other words than were approved": lambda: of_another_version(bodies={"en": "Other words"}),
    "another reviewer than approved": lambda: approved(
        version=replace(OF_VERSION, key=SecurityKey("Eve")).of(
            version_approved(actor=("user:9", "Eve")), 1
        )
    ).file(),
}


# --- Both verifiers ------------------------------------------------------------------------------


@pytest.mark.parametrize("approvers", [APPROVERS, []])
@pytest.mark.parametrize("name", HOLD)
def test_it_holds_in_both(name: str, approvers: list[str], page: Page) -> None:
    file = HOLD[name]()
    report = told(file, *approvers)
    assert report.findings == []
    (here,) = ask(page, file, approvers="\n".join(approvers))
    assert broken(here) is None
    in_python, in_page = "\n".join(report.proved), sentences(here)
    assert f"Signed with the security key {RITAS.fingerprint}." in in_page
    if "password" in name:
        assert "of the grade password" in in_python
        assert "Confirmed only by a session by password alone" in in_page
        assert "Not proved: that it was these persons who approved" in in_python
        assert any("no security key signed that" in words for words in here["unproved"])
    else:
        signer = SUES_OTHER if "Ed25519" in name else SUES
        assert f"with the security key {signer.fingerprint} (entry 3)" in in_python
        assert f"Signed with the security key {signer.fingerprint}." in in_page
    assert ("Not proved: whose the security keys are" in in_python) == (not approvers)
    is_unknown = any("Whose security key signed" in words for words in here["unproved"])
    assert is_unknown == (not approvers)


def test_whatever_is_wrong_does_not_hold_in_either(page: Page) -> None:
    files = {name: make() for name, make in BROKEN.items()}
    held = [name for name, file in files.items() if told(file, *APPROVERS).holds]
    assert held == []
    reports = ask(page, *files.values(), approvers="\n".join(APPROVERS))
    found = {name: broken(report) for name, report in zip(files, reports, strict=True)}
    assert found == dict.fromkeys(files, 10)


def test_without_the_approvers_words_a_key_is_not_known_to_be_theirs(page: Page) -> None:
    file = BROKEN["a key that the approver did not name"]()
    assert told(file).holds
    (report,) = ask(page, file)
    assert report["holds"]


def test_each_byte_of_an_approval_counts(page: Page) -> None:
    """The console signs again what was changed, and lets a tree grow over it: only the approver's
    key stops it. The rule and the number of the key are the console's own word."""
    entry = of_send().of(send_approved(3), 3)
    confirmation = entry.data["confirmation"]
    files = []
    for path in _leaves(confirmation):
        *way, last = path
        changed = _copied(confirmation)
        inner = changed
        for name in way:
            inner = inner[name]
        value = inner[last]
        inner[last] = value + 1 if isinstance(value, int) else f"{value}A"
        if last not in ("rule", "credential_id"):
            files.append(
                approved(send=replace(entry, data={**entry.data, "confirmation": changed})).file()
            )
    assert len(files) > 20
    assert not any(told(file, *APPROVERS).holds for file in files)
    reports = ask(page, *files, approvers="\n".join(APPROVERS))
    assert [broken(report) for report in reports] == [10] * len(files)


def _copied(value: Any) -> Any:
    return (
        {name: _copied(each) for name, each in value.items()} if isinstance(value, dict) else value
    )


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(each, (*path, name))
    else:
        yield path


@pytest.mark.parametrize(
    "line", ["user:3", "user:3=12", "=" + "a" * 64, "user:3=" + "x" * 64, "user:3=" + "a" * 65]
)
def test_what_is_no_approvers_key(line: str, page: Page) -> None:
    with pytest.raises(verify.Unreadable):
        verify.approvers_of([line])
    (report,) = ask(page, approved().file(), approvers=line)
    assert report["unusable"] == "approvers"


def test_fingerprints_as_the_account_shows_them(page: Page) -> None:
    """In groups, or in capitals."""
    fingerprint = SUES.fingerprint.upper()
    parts = " ".join(fingerprint[at : at + 4] for at in range(0, 64, 4))
    line = f"{SUE[0]}={parts}"
    assert told(approved().file(), line).holds
    (report,) = ask(page, approved().file(), approvers=line)
    assert report["holds"]


# --- Signatures of security keys -----------------------------------------------------------------

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MESSAGE = b"a message"


def in_python(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        return verify.signed_by_key(public, signature, message)
    except ValueError:
        return False


def in_page(page: Page, cases: list[tuple[bytes, bytes, bytes]]) -> list[bool]:
    return list(
        page.evaluate(
            """(cases) => cases.map((texts) => {
              const bytes = texts.map((text) =>
                Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
              try { return isSignedByKey(...bytes); }
              catch (error) { if (error instanceof Broken) return false; throw error; }
            })""",
            [[maker.b64(part) for part in case] for case in cases],
        )
    )


def der(r: int, s: int) -> bytes:
    def number(value: int) -> bytes:
        raw = value.to_bytes(value.bit_length() // 8 + 1)
        return bytes([2, len(raw)]) + raw

    both = number(r) + number(s)
    return bytes([0x30, len(both)]) + both


def odd_signatures() -> dict[str, tuple[bytes, bytes, bytes]]:
    key, signature = SUES.public, SUES.sign(MESSAGE)
    size = signature[3]
    r = int.from_bytes(signature[4 : 4 + size])
    s = int.from_bytes(signature[6 + size :])
    wide = b"\0" + signature[4 : 4 + size]
    longer = bytes([2, len(wide)]) + wide + signature[4 + size :]
    rsa, good = RITAS.public, RITAS.sign(MESSAGE)
    ed = SecurityKey("Sue", "EdDSA")
    return {
        "good": (key, MESSAGE, signature),
        "the other s": (key, MESSAGE, der(r, N - s)),
        "r + N": (key, MESSAGE, der(r + N, s)),
        "s + N": (key, MESSAGE, der(r, s + N)),
        "no r": (key, MESSAGE, der(0, s)),
        "no s": (key, MESSAGE, der(r, 0)),
        "r is N": (key, MESSAGE, der(N, s)),
        "a zero before r": (key, MESSAGE, bytes([0x30, len(longer)]) + longer),
        "something behind it": (key, MESSAGE, signature + b"\0"),
        "something inside": (
            key,
            MESSAGE,
            bytes([0x30, signature[1] + 1]) + signature[2:] + b"\0",
        ),
        "a long length": (key, MESSAGE, bytes([0x30, 0x81, signature[1]]) + signature[2:]),
        "short": (key, MESSAGE, signature[:-1]),
        "nothing": (key, MESSAGE, b""),
        "another message": (key, b"another", signature),
        "bare numbers": (key, MESSAGE, r.to_bytes(32) + s.to_bytes(32)),
        "a shifted point": (key.replace(b"\x21\x58\x20", b"\x21\x58\x1f"), MESSAGE, signature),
        "a key with its length in two bytes": (
            key.replace(b"\x21\x58\x20", b"\x21\x59\x00\x20"),
            MESSAGE,
            signature,
        ),
        "a key and more": (key + b"\0", MESSAGE, signature),
        "RSA": (rsa, MESSAGE, good),
        "RSA of another message": (rsa, b"another", good),
        "RSA, short": (rsa, MESSAGE, good[1:]),
        "RSA, long": (rsa, MESSAGE, b"\0" + good),
        "RSA of nothing": (rsa, MESSAGE, bytes(len(good))),
        "RSA of one": (rsa, MESSAGE, bytes(len(good) - 1) + b"\1"),
        "RSA with the exponent 1": (rsa.replace(b"\x43\1\0\1", b"\x43\0\0\1"), MESSAGE, good),
        "RSA with an even exponent": (rsa.replace(b"\x43\1\0\1", b"\x43\1\0\0"), MESSAGE, good),
        "Ed25519": (ed.public, MESSAGE, ed.sign(MESSAGE)),
        "Ed25519 of another message": (ed.public, b"another", ed.sign(MESSAGE)),
        "a mixed kind": (ed.public.replace(b"\x27", b"\x26"), MESSAGE, ed.sign(MESSAGE)),
    }


def test_odd_signatures(page: Page) -> None:
    cases = odd_signatures()
    there = {name for name, case in cases.items() if in_python(*case)}
    here = {
        name
        for name, is_taken in zip(cases, in_page(page, list(cases.values())), strict=True)
        if is_taken
    }
    assert here == there
    assert here >= {"good", "the other s", "RSA", "Ed25519"}


@pytest.mark.parametrize("method", METHODS)
def test_many_signatures(method: str, page: Page) -> None:
    cases = []
    for number in range(12):
        key = SecurityKey(f"{method} {number} {secrets.token_hex(4)}", method)
        message = secrets.token_bytes(number * 13)
        signature = key.sign(message)
        cases.append((key.public, message, signature))
        for at in range(0, len(signature), 1 if number == 0 and method == "ES256" else 17):
            flipped = (
                signature[:at] + bytes([signature[at] ^ 1 << number % 8]) + signature[at + 1 :]
            )
            cases.append((key.public, message, flipped))
    expected = [in_python(*case) for case in cases]
    assert sum(expected) == 12
    assert in_page(page, cases) == expected
