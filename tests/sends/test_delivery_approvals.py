"""Approvals by security key in the proof of one delivery: a third party verifies them by the file
alone, against a console that has all of its own keys and none of the approver's."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from console.accounts.models import User
from console.audit import verify
from console.audit.checkpoints import new_key, own_public_key
from console.audit.verify import Keys, Report, key_fingerprint, verify_delivery_bytes
from console.interactions.models import ChatServer
from console.sends.engine.outcomes import Ending
from console.sends.models import Delivery, DeliveryStatus
from console.sends.proof.delivery_file import as_file
from console.sends.proof.issue import delivery_prove
from tests.accounts.approving import TO_APPROVE, Approver
from tests.support.factories import make_interaction, make_send
from tests.support.software_key import METHODS, SoftwareKey
from tests.support.working import leased_step

pytestmark = pytest.mark.django_db
KINDS = ("version", "preset", "playbook", "send", "role")


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY, settings.AUDIT_OLD_KEYS = new_key(), []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")


@pytest.fixture(autouse=True)
def _site(_keys: None, settings: Any, chat_server: ChatServer) -> None:
    settings.APPROVAL_ABOVE, settings.ALLOWED_HOSTS = 1, ["testserver"]
    settings.APPROVAL_RULES = dict.fromkeys(KINDS, "required")


def delivered(chat_server: ChatServer, chat: str) -> Delivery:
    """Let a send with two deliveries go out, and return that to the chat."""
    claimed = leased_step(chat_server, claim=uuid4(), room=2).claimed
    endings = [
        Ending(each, DeliveryStatus.DELIVERED, reference_id=number, answer="{}")
        for number, each in enumerate(claimed)
    ]
    leased_step(chat_server, claim=uuid4(), endings=endings)
    return Delivery.objects.get(interaction_id=chat)


@pytest.fixture
def prove(chat_server: ChatServer, auditor: User, supervisor: User) -> Callable[[Approver], bytes]:
    """The proof of a delivery whose version and whose send somebody approved."""

    def make(anna: Approver) -> bytes:
        assert anna.approves(TO_APPROVE["version"]()).status_code == 302
        chats = [make_interaction(f"0001{number}chat").pk for number in range(2)]
        send = make_send(supervisor, "storm", chats, why="A storm")
        posted = (f"/sends/{send.pk}/approve/", {"seen": ""})
        assert anna.approves(posted).status_code == 302
        return delivery_prove(auditor.to_actor(), delivered(chat_server, chats[0]))

    return make


def checked(file: bytes, **approvers: Any) -> Report:
    return verify_delivery_bytes(file, Keys([own_public_key()]), approvers=approvers or None)


@pytest.mark.parametrize("method", METHODS)
def test_a_third_party_verifies_both_signatures(
    method: str, prove: Callable[[Approver], bytes]
) -> None:
    anna = Approver(key=SoftwareKey(method))
    proof = prove(anna)
    fingerprint = key_fingerprint(anna.key.public)
    for approvers, is_pinned in (({}, False), ({anna.user.ref: {fingerprint}}, True)):
        report = checked(proof, **approvers)
        told = "\n".join(report.proved)
        assert report.findings == []
        signed = f"signed by Anna ({anna.user.ref}) with the security key {fingerprint}"
        assert f"Approval of the version Storm warning (storm/1): {signed}" in told
        assert told.count(signed) == 2
        assert ("Not proved: whose the security keys are" in told) == (not is_pinned)
    of_a_key = 1.8 if method == "RS256" else 1.25
    assert size_of(proof) <= (5 + 2 * of_a_key) * 1024
    assert size_in_ten_million(proof) <= (7.5 + 2 * of_a_key) * 1024


def size_of(proof: bytes) -> int:
    """Without the text, and the version's words."""
    return len(as_file({**json.loads(proof), "text": "", "version": ""}))


# The version was approved long before, and the rest is near each other.
TEN_MILLION, PLACES = 10_000_000, (5_000_000, 9_999_000, 9_999_005, 9_999_020)


def size_in_ten_million(proof: bytes) -> int:
    """The same with the paths of so large a tree: what each hash and each place in a path adds."""
    said = json.loads(proof)
    levels = (TEN_MILLION - 1).bit_length()
    nodes = {(level, (at >> level) ^ 1) for at in PLACES for level in range(levels)}
    places = len(PLACES) * levels - sum(len(entry["path"]) for entry in said["entries"])
    a_hash, a_place = len('"",') + 44, len("99,")
    return size_of(proof) + (len(nodes) - len(said["hashes"])) * a_hash + places * a_place


def test_each_byte_counts(prove: Callable[[Approver], bytes]) -> None:
    anna = Approver(key=SoftwareKey())
    proof, keys = prove(anna), Keys([own_public_key()])
    pinned = {anna.user.ref: {key_fingerprint(anna.key.public)}}
    assert verify_delivery_bytes(proof, keys, approvers=pinned).holds
    held = [
        at
        for at in range(len(proof))
        if verify_delivery_bytes(
            proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :], keys, approvers=pinned
        ).holds
    ]
    assert held == []


def test_another_persons_key_does_not_hold(prove: Callable[[Approver], bytes]) -> None:
    anna = Approver(key=SoftwareKey())
    proof = prove(anna)
    report = checked(proof, **{anna.user.ref: {"0" * 64}})
    assert "is not one that you have from this person" in report.findings[0].sentence
    assert report.proved == []


def test_a_third_party_has_the_file_alone(
    prove: Callable[[Approver], bytes], tmp_path: Path
) -> None:
    anna = Approver(key=SoftwareKey())
    (tmp_path / "proof.json").write_bytes(prove(anna))
    shutil.copy(verify.__file__, tmp_path / "verify.py")
    fingerprint = key_fingerprint(anna.key.public)

    def run(word: str) -> subprocess.CompletedProcess[str]:
        words = ["verify.py", "proof.json", "--key", own_public_key(), "--approver", word]
        return subprocess.run(
            [sys.executable, "-I", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run(f"{anna.user.ref}={fingerprint}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(f"with the security key {fingerprint}") == 2
    assert run(f"{anna.user.ref}={'0' * 64}").returncode == 1


def test_where_no_key_was_asked_for_the_grade_is_said(
    prove: Callable[[Approver], bytes], settings: Any
) -> None:
    settings.APPROVAL_RULES = {}

    class Signed(Approver):
        def approves(self, posted: Any) -> Any:
            return self.post(posted)

    report = checked(proof := prove(Signed()))
    assert report.findings == []
    told = "\n".join(report.proved)
    assert told.count("That it was they, the console alone says.") == 2
    assert "Not proved: that it was these persons who approved" in told
    assert size_of(proof) <= 5 * 1024
    assert size_in_ten_million(proof) <= 7.5 * 1024
