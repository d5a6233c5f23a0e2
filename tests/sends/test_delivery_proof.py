"""The proof of one delivery: it holds for somebody who has nothing but the file and the public key,
it has nothing of other chats, and no byte of it can be changed."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.roles import Role
from console.audit import verify
from console.audit.checkpoints import new_key, own_public_key, public_key, signed
from console.audit.models import AuditEntry
from console.audit.tlog.tree import newest_head
from console.audit.verify import Keys, Report, verify_delivery_bytes
from console.catalogue.models import NoticeVersion
from console.errors import Conflict, PermissionRefused
from console.interactions.models import ChatServer, Interaction
from console.sends.control.erasure import interaction_erase
from console.sends.engine.outcomes import Ending
from console.sends.models import Delivery, DeliveryStatus, Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.sends.proof.delivery_file import as_file
from console.sends.proof.issue import delivery_prove
from tests.support.factories import ROOT
from tests.support.signing_in import sign_in
from tests.support.working import leased_step

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _keys(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY = new_key()
    settings.AUDIT_OLD_KEYS = []
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")


OTHERS = ["00012othersAA", "00013othersBB"]


@pytest.fixture
def delivery(
    supervisor: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
) -> Delivery:
    """One of three deliveries of a send, which have all ended."""
    key = make_notice("Grüße, {{ data.FirstName }} \u2028 👋", key="greeting").notice.key
    make_interaction("00011own")
    for other in OTHERS:
        make_interaction(other, user_data={"FirstName": f"Nobody {other}"})
    ids = ["00011own", *OTHERS]
    order = SendOrder(notice_key=key, interactions=ids, why="Line 3 is down")
    send = send_create(supervisor.to_actor(), order)
    claimed = leased_step(chat_server, claim=uuid4(), room=3).claimed
    endings = [
        Ending(each, DeliveryStatus.DELIVERED, reference_id=number, answer="{}")
        for number, each in enumerate(claimed)
    ]
    leased_step(chat_server, claim=uuid4(), endings=endings)
    return Delivery.objects.get(send=send, interaction_id="00011own")


@pytest.fixture
def reader(auditor: User) -> Any:
    return auditor.to_actor()


@pytest.fixture
def proof(delivery: Delivery, reader: Any) -> bytes:
    return delivery_prove(reader, delivery)


def checked(file: bytes, **more: Any) -> Report:
    return verify_delivery_bytes(file, Keys([own_public_key()]), **more)


def resigned(said: dict[str, Any]) -> bytes:
    """The same as the console, or somebody with its key, would sign it."""
    rest = {name: value for name, value in said.items() if name not in ("signature", "key_id")}
    return as_file(signed("delivery", rest))


# --- It holds ------------------------------------------------------------------------------------


def test_it_proves_who_what_and_how_it_ended(proof: bytes, delivery: Delivery) -> None:
    report = checked(proof)
    told = "\n".join(report.proved)
    assert report.findings == []
    assert f"Delivery {delivery.pk}: Sue (user:" in told
    assert "notice greeting, version 1, visibility ALL" in told
    assert "wrote this version" in told
    assert "version.approved" in told
    assert "The delivery to the chat 00011own ended as delivered" in told
    assert "The text was exactly: Grüße, Zoë \u2028 👋" in told
    assert "No witness is given" in told


def test_it_has_nothing_of_others(proof: bytes) -> None:
    text = proof.decode()
    assert "00011own" in text
    assert not any(other in text for other in OTHERS)
    assert "Nobody" not in text
    for other in Delivery.objects.exclude(interaction_id="00011own"):
        said = AuditEntry.objects.get(action="deliveries.delivered").data["deliveries"]
        digest = next(item["text_sha256"] for item in said if item["id"] == other.pk)
        assert digest not in text


def test_it_is_small(proof: bytes) -> None:
    said = json.loads(proof)
    without = {**said, "text": "", "version": ""}
    assert len(as_file(without)) <= 8192


@pytest.mark.processes
def test_a_third_party_needs_two_files_and_the_key(proof: bytes, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(verify.__file__, alone / "verify.py")
    (alone / "proof.json").write_bytes(proof)

    def run(*more: str, key: str = own_public_key()) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-I", "verify.py", "proof.json", "--key", key, *more]
        return subprocess.run(words, cwd=alone, capture_output=True, text=True, check=False)

    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("HOLDS\n")
    assert run(key=public_key(new_key())).returncode == 1
    none = run("--witness", "x+00000000+AAAA")
    assert (none.returncode, "is no witness's key" in none.stderr) == (2, True)


def test_it_says_that_it_was_made(proof: bytes, delivery: Delivery) -> None:
    entry = AuditEntry.objects.latest("seq")
    assert (entry.action, entry.target_ref) == ("delivery.proof_made", str(delivery.pk))
    assert entry.data["sha256"] == hashlib.sha256(proof).hexdigest()


def test_after_erasure_all_but_the_text_is_proved(delivery: Delivery, reader: Any) -> None:
    Interaction.objects.filter(pk=delivery.interaction_id).update(ended_at=delivery.finished_at)
    before = delivery_prove(reader, delivery)
    interaction_erase(ROOT, interaction_id=delivery.interaction_id)
    assert checked(before).holds
    delivery.refresh_from_db()
    after = delivery_prove(reader, delivery)
    report = checked(after)
    assert report.findings == []
    assert "Grüße, Zoë" not in after.decode()
    assert "Not proved: the text" in "\n".join(report.proved)


# --- It does not hold ----------------------------------------------------------------------------


def test_every_byte_counts(proof: bytes) -> None:
    keys = Keys([own_public_key()])
    held = [
        place
        for place in range(len(proof))
        if verify_delivery_bytes(
            proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :], keys
        ).holds
    ]
    assert held == []
    for shorter in (proof[:-1], proof[1:], proof + b"\n", b"", b"{}\n", b"[]\n", b"null\n"):
        assert not verify_delivery_bytes(shorter, keys).holds


def changed(said: dict[str, Any], what: str) -> None:
    """Change what somebody with the console's key, but without its tree, could change."""
    created, ended = said["entries"][-2:]
    match what:
        case "who asked":
            created["leaf"] = created["leaf"].replace('"Sue"', '"Tom"')
        case "when":
            ended["leaf"] = re.sub(r'"at":"20', '"at":"19', ended["leaf"])
        case "the outcome":
            ended["leaf"] = ended["leaf"].replace("deliveries.delivered", "deliveries.failed")
        case "the text":
            said["text"] += "!"
        case "the salt":
            said["text_salt"] += "0"
        case "the version":
            said["version"] = said["version"].replace("Grüße", "Hallo")
        case "the item":
            ended["item"]["said"] = ended["item"]["said"].replace("00011own", "00011ows")
        case "the item's place":
            ended["item"]["index"] ^= 1
        case "the number":
            ended["seq"] += 1
        case "the order":
            said["entries"].reverse()
        case "the approval is left out and said anew":
            said["entries"][0]["leaf"] = said["entries"][0]["leaf"].replace("Reviewer", "Adam")
        case "no outcome":
            said["entries"].remove(ended)
        case "no request":
            said["entries"].remove(created)
        case "twice":
            said["entries"].append(ended)
        case "another delivery":
            said["delivery"] += 1
        case "another send":
            said["send"] += 1
        case "the root":
            said["head"] = re.sub(r"\n[A-Za-z0-9+/]{8}", "\nAAAAAAAA", said["head"], count=1)
        case "a hash":
            said["hashes"][0] = base64.b64encode(b"x" * 32).decode()
        case "a hash twice":
            said["hashes"].append(said["hashes"][0])
        case "another key":
            said["more"] = 1
        case _:
            raise AssertionError(what)


WHATS = [
    *("who asked", "when", "the outcome", "the text", "the salt", "the version", "the item"),
    *("the item's place", "the number", "the order", "no outcome"),
    *("the approval is left out and said anew", "no request", "twice", "another delivery"),
    *("another send", "the root", "a hash", "a hash twice", "another key"),
]


def test_not_even_the_console_can_sign_another_one(proof: bytes) -> None:
    """With the right signature, but against the tree."""
    assert checked(resigned(json.loads(proof))).holds
    for what in WHATS:
        said = json.loads(proof)
        changed(said, what)
        assert said != json.loads(proof), what
        report = checked(resigned(said))
        assert not report.holds, what
        assert report.proved == []


def test_it_is_refused_until_it_is_in_the_tree(
    delivery: Delivery, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.sends.proof.issue.tree_make", lambda **_how: True)
    monkeypatch.setattr("console.sends.proof.issue.newest_head", lambda: None)
    with pytest.raises(Conflict, match="does not cover this delivery yet"):
        delivery_prove(reader, delivery)


def test_only_who_reads_trail_and_texts_gets_it(
    delivery: Delivery, make_user: Callable[..., User]
) -> None:
    for role in (Role.SUPERVISOR, Role.EDITOR, Role.APPROVER):
        with pytest.raises(PermissionRefused):
            delivery_prove(make_user(f"x-{role}", role).to_actor(), delivery)


# --- Pages and API -------------------------------------------------------------------------------


def test_the_page_and_the_file(delivery: Delivery, auditor: User, client: Client) -> None:
    sign_in(client, auditor)
    address = reverse("delivery-proof", args=[delivery.pk])
    assert address in client.get(reverse("delivery-detail", args=[delivery.pk])).content.decode()
    answer = client.post(address, {"as": "file"})
    assert answer["Content-Disposition"] == (
        f'attachment; filename="proof-of-delivery-{delivery.pk}.json"'
    )
    assert checked(answer.content).holds
    page = client.post(address, {"as": "page"}).content.decode()
    (inside,) = re.findall(r'href="data:application/json;base64,([^"]+)"', page)
    file = base64.b64decode(inside)
    assert checked(file).holds
    assert hashlib.sha256(file).hexdigest() in page
    assert "ended as delivered" in page
    assert '<path d="M' in page


def test_the_api(delivery: Delivery, auditor: User) -> None:
    client = Client()
    sign_in(client, auditor)
    answer = client.get(f"/api/v1/deliveries/{delivery.pk}/proof/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert checked(answer.content).holds


def test_without_a_key_it_says_what_to_do(
    delivery: Delivery, auditor: User, client: Client, settings: Any
) -> None:
    head = newest_head()
    settings.AUDIT_KEY = ""
    sign_in(client, auditor)
    answer = client.post(reverse("delivery-proof", args=[delivery.pk]))
    assert answer.status_code == 503
    assert "CONSOLE_AUDIT_KEY is not set" in answer.content.decode()
    assert newest_head() == head
    assert Send.objects.count() == 1
