"""The proof of a send: verified by others, offline, with one file and the public key."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.actors import Permission
from console.audit import verify
from console.audit.chain import entry_hash
from console.audit.checkpoints import new_key, public_key
from console.audit.models import AuditCheckpoint, AuditEntry, as_hashed
from console.audit.services import checkpoint_make, record
from console.audit.verify import (
    APPROVED,
    CERTIFICATES,
    CHECKPOINTS,
    DELIVERIES,
    ENTRIES,
    MANIFEST,
    SEND,
    SIGNATURES,
    Keys,
)
from console.catalogue.models import NoticeVersion
from console.errors import PermissionRefused
from console.interactions.models import ChatServer, Interaction
from console.sends.control.erasure import interaction_erase
from console.sends.engine.outcomes import Ending
from console.sends.models import Delivery, DeliveryStatus, Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.sends.proof.issue import send_prove
from tests.audit.tampered_proofs import WAYS
from tests.support.factories import ROOT
from tests.support.signing_in import sign_in
from tests.support.tampering import run, triggers_off
from tests.support.working import leased_step

pytestmark = pytest.mark.django_db
OUTCOMES = [DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN, DeliveryStatus.FAILED]


@pytest.fixture(autouse=True)
def _keys(settings: Any) -> None:
    settings.AUDIT_KEY = new_key()
    settings.AUDIT_OLD_KEYS = []
    settings.CHECKPOINTS_TO = ""


@pytest.fixture
def send(
    supervisor: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
) -> Send:
    """To four chats: one outcome each, and one is skipped. Others' entries stand between."""
    make_notice("Grüße, {{ data.FirstName }} \u2028 👋", key="greeting")
    ids = [make_interaction(f"c{number}").pk for number in range(3)]
    ids.append(make_interaction("gone", is_online=False).pk)
    made = send_create(
        supervisor.to_actor(),
        SendOrder(notice_key="greeting", interactions=ids, why="Line 3 is down"),
    )
    noise()
    claim = uuid4()
    claimed = leased_step(chat_server, claim=claim, room=3).claimed
    endings = [
        Ending(delivery, status, reference_id=number, answer="{}")
        for number, (delivery, status) in enumerate(zip(claimed, OUTCOMES, strict=True))
    ]
    noise()
    leased_step(chat_server, claim=uuid4(), endings=endings)
    noise()
    return made


def noise() -> None:
    record(ROOT, "noted", target=("thing", 1, "Thing"), data={"prev_hash": "x"})


@pytest.fixture
def prove(auditor: User, tmp_path: Path) -> Callable[[Send], Path]:
    def make(send: Send) -> Path:
        path = tmp_path / f"proof-of-send-{send.pk}.zip"
        with path.open("w+b") as file:
            send_prove(auditor.to_actor(), send, file)
        return path

    return make


def verified(path: Path, settings: Any) -> verify.Report:
    return verify.verify_export(path, Keys([public_key(settings.AUDIT_KEY)]))


def told(path: Path, settings: Any) -> str:
    return "\n".join(verify.sentences(verified(path, settings)))


# --- The true one --------------------------------------------------------------------------------


@pytest.mark.processes
def test_a_third_party_verifies_it_alone(
    send: Send, prove: Callable[[Send], Path], settings: Any, tmp_path: Path
) -> None:
    proof = prove(send)
    alone = tmp_path / "elsewhere" / "verify.py"
    alone.parent.mkdir()
    shutil.copy(verify.__file__, alone)
    done = subprocess.run(
        [sys.executable, "-I", str(alone), str(proof), "--key", public_key(settings.AUDIT_KEY)],
        cwd=alone.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout
    assert f"Send {send.pk}: Sue (user:" in said
    assert "notice greeting, version 1, visibility ALL" in said
    assert "Author wrote and Reviewer reviewed them" in said
    assert "Deliveries: 4 in the file. 4 ended as the entries tell, and 3 have the exact" in said
    assert "a signed checkpoint vouches" in said
    assert said.endswith("HOLDS\n")


def test_what_is_in_the_file(
    send: Send, prove: Callable[[Send], Path], settings: Any, auditor: User
) -> None:
    with zipfile.ZipFile(prove(send)) as archive:
        assert set(archive.namelist()) == {
            *(SEND, DELIVERIES, ENTRIES, CHECKPOINTS, MANIFEST),
            *(SIGNATURES, CERTIFICATES, APPROVED),
        }
        request = json.loads(archive.read(SEND))
        deliveries = [json.loads(line) for line in archive.read(DELIVERIES).splitlines()]
        entries = [json.loads(line)["entry"] for line in archive.read(ENTRIES).splitlines()]
    assert request["version"]["bodies"] == {"en": "Grüße, {{ data.FirstName }} \u2028 👋"}
    assert (request["why"], request["actor_name"]) == ("Line 3 is down", "Sue")
    assert [row["status"] for row in deliveries] == ["delivered", "unknown", "failed", "skipped"]
    assert deliveries[0]["text"] == "Grüße, Zoë \u2028 👋"
    assert entries[0]["action"] == "send.created"
    assert not any("Martin" in json.dumps(row) for row in deliveries)  # the name proves nothing
    newest = AuditEntry.objects.latest("seq")
    assert (newest.action, newest.target_ref) == ("send.proof_made", str(send.pk))
    assert newest.actor_name == "Audrey"
    assert len(newest.data["sha256"]) == 64


def test_it_ends_with_the_first_checkpoint_after_the_send(
    send: Send, prove: Callable[[Send], Path], settings: Any
) -> None:
    """However long the ledger has grown since, and however often it was proved."""
    checkpoint_make()
    first = AuditCheckpoint.objects.latest("seq")
    for _ in range(3):
        noise()
        checkpoint_make()
        report = verified(prove(send), settings)
        assert (report.findings, report.head.seq) == ([], first.seq)


def test_what_has_not_ended_is_not_proved(
    supervisor: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
    prove: Callable[[Send], Path],
    settings: Any,
) -> None:
    key = make_notice("Hello").notice.key
    ids = [make_interaction().pk for _ in range(2)]
    send = send_create(supervisor.to_actor(), SendOrder(notice_key=key, interactions=ids))
    said = told(prove(send), settings)
    assert "Not proved: anything of 2 deliveries that had not ended yet" in said
    assert said.endswith("\nHOLDS")


def test_erased_texts_are_shown_as_such(
    send: Send, prove: Callable[[Send], Path], settings: Any
) -> None:
    Interaction.objects.filter(pk="c0").update(ended_at=send.created_at)
    interaction_erase(ROOT, interaction_id="c0")
    said = told(prove(send), settings)
    assert "4 ended as the entries tell, and 2 have the exact text" in said
    assert "Not proved: the texts of 1 deliveries, which were erased" in said
    assert said.endswith("\nHOLDS")


def test_what_was_skipped_in_the_last_moment_was_not_attempted(
    supervisor: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Interaction],
    make_notice: Callable[..., NoticeVersion],
    prove: Callable[[Send], Path],
    settings: Any,
    an_older_console: None,
) -> None:
    key = make_notice("Hello").notice.key
    ids = [make_interaction().pk]
    send = send_create(supervisor.to_actor(), SendOrder(notice_key=key, interactions=ids))
    Interaction.objects.update(ended_at=send.created_at)
    leased_step(chat_server, claim=uuid4(), room=1)
    entry = AuditEntry.objects.get(action="deliveries.skipped")
    assert entry.data["deliveries"][0]["attempts"] == 0
    assert verified(prove(send), settings).findings == []
    # Older consoles counted it.
    with triggers_off():
        run("DELETE FROM audit_auditcheckpoint")
        entry.data["deliveries"][0]["attempts"] = 1
        entry.save()
        _chain_anew(entry.seq)
    assert verified(prove(send), settings).findings == []


@pytest.fixture
def an_older_console(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """From now on, whose checkpoints say nothing of signatures."""
    monkeypatch.setattr("console.audit.services.process_signer", lambda: None)
    monkeypatch.setattr("console.audit.services.require_signer", lambda: None)
    settings.CHECKPOINTS_TO = str(tmp_path / "another")
    with triggers_off():
        for table in ("checkpoint", "signature", "certificate"):
            run(f"DELETE FROM audit_audit{table}")


def test_an_older_send_has_no_digest_of_its_version(
    send: Send, prove: Callable[[Send], Path], settings: Any, an_older_console: None
) -> None:
    created = AuditEntry.objects.get(action="send.created")
    with triggers_off():
        run("DELETE FROM audit_auditcheckpoint")
        data = {name: value for name, value in created.data.items() if name != "version_sha256"}
        AuditEntry.objects.filter(pk=created.pk).update(data=data)
        _chain_anew(created.seq)
    said = told(prove(send), settings)
    assert "Not proved: the words of version 1 of greeting" in said
    assert said.endswith("\nHOLDS")


def _chain_anew(first: int) -> None:
    """As it would have been written: an older console's, whose processes signed nothing."""
    run("DELETE FROM audit_auditsignature")
    previous = AuditEntry.objects.get(seq=first - 1).hash
    for entry in AuditEntry.objects.filter(seq__gte=first).order_by("seq"):
        entry.prev_hash = previous
        entry.hash = previous = entry_hash(as_hashed(entry))
        entry.save()


# --- Tampered with -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_what_was_changed_is_found_and_named(
    way: str, send: Send, prove: Callable[[Send], Path], settings: Any, tmp_path: Path
) -> None:
    tamper, words = WAYS[way]
    with zipfile.ZipFile(prove(send)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    tamper(files)
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(changed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    report = verified(changed, settings)
    first = send.deliveries.order_by("pk").values_list("pk", flat=True)[0]
    found = "\n".join(finding.sentence for finding in report.findings)
    assert words.format(first=first) in found
    assert report.proved == []  # nothing is claimed beside a finding


def test_somebody_elses_key_signs_nothing(
    send: Send, prove: Callable[[Send], Path], settings: Any
) -> None:
    proof = prove(send)
    settings.AUDIT_KEY = new_key()
    assert "which is not among those trusted" in told(proof, settings)


def test_every_byte_counts(
    send: Send, prove: Callable[[Send], Path], settings: Any, tmp_path: Path
) -> None:
    with zipfile.ZipFile(prove(send)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    folder = tmp_path / "changed"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert verified(folder, settings).holds
    for name, content in files.items():
        for place in range(0, len(content), 61):
            flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            (folder / name).write_bytes(flipped)
            try:
                holds = verified(folder, settings).holds
            except verify.Unreadable:
                holds = False
            # The manifest's blanks are not signed, and say nothing.
            same = name == MANIFEST and _same(flipped, content)
            assert not holds or same, (name, place)
        (folder / name).write_bytes(content)


def _same(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


# --- Who may, and how ----------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["supervisor", "approver", "administrator"])
def test_only_auditors_prove(
    person: str, send: Send, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    actor = request.getfixturevalue(person).to_actor()
    with pytest.raises(PermissionRefused), (tmp_path / "proof").open("w+b") as file:
        send_prove(actor, send, file)


def test_who_may_not_read_the_texts_proves_nothing(
    send: Send, auditor: User, tmp_path: Path
) -> None:
    actor = replace(auditor.to_actor(), permissions=frozenset({Permission.VIEW_AUDIT}))
    with pytest.raises(PermissionRefused), (tmp_path / "proof").open("w+b") as file:
        send_prove(actor, send, file)


def test_from_the_page(
    send: Send, auditor: User, supervisor: User, client: Client, settings: Any, tmp_path: Path
) -> None:
    sign_in(client, supervisor)
    address = reverse("send-proof", args=[send.pk])
    assert address not in client.get(reverse("send-detail", args=[send.pk])).content.decode()
    sign_in(client, auditor)
    assert address in client.get(reverse("send-detail", args=[send.pk])).content.decode()
    answer = client.post(address)
    assert f'filename="proof-of-send-{send.pk}.zip"' in answer["Content-Disposition"]
    path = tmp_path / "proof.zip"
    path.write_bytes(answer.getvalue())
    assert verified(path, settings).holds
    assert Delivery.objects.filter(send=send).count() == 4


def test_without_a_key_the_page_says_what_to_do(
    send: Send, auditor: User, client: Client, settings: Any
) -> None:
    settings.AUDIT_KEY = ""
    sign_in(client, auditor)
    answer = client.post(reverse("send-proof", args=[send.pk]))
    assert answer.status_code == 503
    assert "manage.py audit_key" in answer.content.decode()
