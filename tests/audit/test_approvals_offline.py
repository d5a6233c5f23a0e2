"""Approvals by security key, verified offline: against somebody who has all of the console's keys,
and none of the approver's."""

import copy
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.test.utils import override_settings

from console.accounts.roles import Role
from console.accounts.services.security_events import user_second_factor_reset
from console.audit import verify
from console.audit.chain import canonical, entry_hash
from console.audit.checkpoints import new_key, public_key, signed
from console.audit.export import json_lines
from console.audit.models import AuditEntry
from console.audit.services import audit_export, checkpoint_make
from console.audit.verify import CHECKPOINTS, ENTRIES, GENESIS, MANIFEST, from_web, to_web
from console.interactions.services import chat_server_create
from console.sends.models import Send
from console.sends.proof.issue import send_prove
from tests.accounts.approving import KINDS, TO_APPROVE, Approver
from tests.support.factories import ROOT, make_user
from tests.support.shared_world import shared_world
from tests.support.software_key import METHODS, SoftwareKey

pytestmark = pytest.mark.django_db
Entry = dict[str, Any]
APPROVED = {
    "version": "version.approved",
    "preset": "preset.approved",
    "playbook": "playbook.approved",
    "send": "send.approved",
    "role": "user.created",
}


KEY = new_key()
SITE: dict[str, Any] = {
    "AUDIT_KEY": KEY,
    "AUDIT_OLD_KEYS": [],
    "CHECKPOINTS_TO": "",
    "APPROVAL_ABOVE": 1,
    "ALLOWED_HOSTS": ["testserver"],
    "APPROVAL_RULES": dict.fromkeys(KINDS, "required"),
}


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    for name, value in SITE.items():
        setattr(settings, name, copy.copy(value))


def make_site() -> None:
    chat_server_create(ROOT, name="chat-east", url="esp+json://127.0.0.1:9")


@override_settings(**SITE)
def make_ledger() -> dict[str, Any]:
    """One approval of each kind, and what led to it."""
    make_site()
    anna = Approver(key=SoftwareKey())
    for kind in KINDS:
        assert anna.approves(TO_APPROVE[kind]()).status_code == 302, kind
    return {"ref": anna.user.ref, "pk": anna.user.pk, "key": anna.key, "entries": exported()}


made = shared_world("made", make_ledger)


@dataclass(frozen=True)
class Anna:
    """Whose key has signed."""

    pk: int
    ref: str
    key: SoftwareKey


@pytest.fixture
def anna(made: dict[str, Any]) -> Anna:
    return Anna(made["pk"], made["ref"], made["key"])


@pytest.fixture
def ledger(made: dict[str, Any]) -> list[Entry]:
    return made["entries"]


def exported() -> list[Entry]:
    checkpoint_make()
    path = Path(f"/dev/shm/approvals-{id(object())}.zip")
    try:
        audit_export(ROOT, path)
        with zipfile.ZipFile(path) as archive:
            return [json.loads(line)["entry"] for line in archive.read(ENTRIES).splitlines()]
    finally:
        path.unlink()


@pytest.fixture
def told(settings: Any, tmp_path: Path) -> Callable[..., str]:
    """What the verifier says of a ledger that somebody with the console's keys wrote anew."""

    def say(entries: Iterable[Entry], **approvers: Any) -> str:
        path = tmp_path / "export.zip"
        write_anew(path, entries)
        keys = verify.Keys([public_key(settings.AUDIT_KEY)])
        report = verify.verify_export(path, keys, (), approvers=approvers or None)
        return "\n".join(verify.sentences(report))

    return say


def write_anew(path: Path, entries: Iterable[Entry]) -> None:
    """A chain that is right in itself, with the console's own signatures."""
    lines, before = [], GENESIS
    for seq, entry in enumerate(entries, 1):
        entry = {**entry, "seq": seq, "prev_hash": before}
        before = entry_hash(entry)
        lines.append(verify.export_line(canonical(entry), before))
    last = len(lines)
    checkpoint = signed("checkpoint", {"seq": last, "hash": before, "at": "2026-01-01"})
    said = {"format": 1, "first": 1, "before": GENESIS, "last": last, "head": before}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(ENTRIES, b"".join(lines))
        archive.writestr(CHECKPOINTS, b"".join(json_lines([checkpoint])))
        archive.writestr(MANIFEST, json.dumps(signed("manifest", said)))


def approval_of(entries: list[Entry], kind: str) -> Entry:
    (found,) = [
        entry
        for entry in entries
        if entry["action"] == APPROVED[kind]
        and "statement" in entry["data"].get("confirmation", {})
    ]
    return found


def changed(ledger: list[Entry], kind: str, change: Callable[[Entry], object]) -> list[Entry]:
    entries = copy.deepcopy(ledger)
    change(approval_of(entries, kind))
    return entries


# --- The true one ---------------------------------------------------------------------------------


def test_the_true_one_holds_and_says_what_is_proved(
    ledger: list[Entry], told: Callable[..., str], anna: Anna
) -> None:
    said = told(ledger)
    assert said.endswith("HOLDS")
    assert "Approvals signed by the approver's own security key: 5." in said
    assert "Not proved: that 5 of these keys' answers are of these persons' keys" in said
    assert "Approvals without a security key's signature: 1." not in said

    fingerprint = verify.key_fingerprint(anna.key.public)
    said = told(ledger, **{anna.ref: {fingerprint}})
    assert said.endswith("HOLDS")
    assert "Not proved: that" not in said


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_verified_and_each_byte_of_a_signature_counts(
    method: str, told: Callable[..., str]
) -> None:
    anna = Approver(key=SoftwareKey(method))
    anna.approves(TO_APPROVE["preset"]())
    entries = exported()
    assert told(entries).endswith("HOLDS")
    signature = from_web(
        approval_of(entries, "preset")["data"]["confirmation"]["assertion"]["signature"]
    )
    for place in range(len(signature)):
        wrong = bytearray(signature)
        wrong[place] ^= 1
        way = ("data", "confirmation", "assertion", "signature")
        forged = changed(entries, "preset", partial(put_at, path=way, value=to_web(bytes(wrong))))
        assert "DOES NOT HOLD" in told(forged), place


# --- Single fields --------------------------------------------------------------------------------


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    else:
        yield path


def other(value: Any) -> Any:
    """Something else, of the same kind where possible."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value[:-1]}{'A' if value[-1:] != 'A' else 'B'}"
    return "x"


def put_at(entry: Entry, *, path: tuple[Any, ...], value: Any) -> None:
    *way, last = path
    inner: Any = entry
    for name in way:
        inner = inner[name]
    inner[last] = value


def change_at(entry: Entry, *, path: tuple[Any, ...]) -> None:
    value: Any = entry
    for name in path:
        value = value[name]
    put_at(entry, path=path, value=other(value))


def remove_at(entry: Entry, *, path: tuple[Any, ...]) -> None:
    *way, last = path
    inner: Any = entry
    for name in way:
        inner = inner[name]
    del inner[last]


# `prev_hash` and `seq` are the chain's own. Who is created has its number from the database, after
# it was signed; the name, which is signed, tells who that is.
OF_THE_CHAIN = {("seq",), ("prev_hash",)}
AFTER_THE_SIGNATURE = {("role", ("target_ref",))}
# A minute of difference between clocks is allowed, and these differ by less.
BY_LESS_THAN_A_MINUTE = {("at",), ("data", "release_at")}


@pytest.mark.parametrize("kind", KINDS)
def test_each_single_field_of_an_approval_counts(
    kind: str, ledger: list[Entry], told: Callable[..., str]
) -> None:
    entry = approval_of(ledger, kind)
    # When it was decided is known only then.
    paths = [
        path
        for path in leaves(entry)
        if path not in OF_THE_CHAIN and (path[:2], path[-1]) != (("data", "rows"), "reviewed_at")
    ]
    assert len(paths) > 20
    for path in paths:
        if path in BY_LESS_THAN_A_MINUTE or (kind, path) in AFTER_THE_SIGNATURE:
            continue
        said = told(changed(ledger, kind, partial(change_at, path=path)))
        assert said.endswith("DOES NOT HOLD"), path
        assert f"in entry {entry['seq']}" in said, (path, said)
    for path in paths:
        if path[0] == "data":
            assert told(changed(ledger, kind, partial(remove_at, path=path))).endswith(
                "DOES NOT HOLD"
            ), path


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_added_to_an_approval_counts(
    kind: str, ledger: list[Entry], told: Callable[..., str]
) -> None:
    for way in ((), ("confirmation",), ("confirmation", "also"), ("confirmation", "statement")):

        def add(entry: Entry, way: tuple[str, ...] = way) -> None:
            inner = entry["data"]
            for name in way:
                inner = inner[name]
            inner["more"] = "x"

        assert told(changed(ledger, kind, add)).endswith("DOES NOT HOLD"), way


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "send"])
def test_the_rows_of_an_approval_count(
    kind: str, ledger: list[Entry], told: Callable[..., str]
) -> None:
    """What the database has afterwards is what the state is compared with."""
    entry = approval_of(ledger, kind)
    assert entry["data"]["rows"]
    for change in (
        lambda entry: entry["data"].pop("rows"),
        lambda entry: entry["data"]["rows"].update({"user:1": {"roles": ["administrator"]}}),
        lambda entry: entry["data"]["rows"].update({next(iter(entry["data"]["rows"])): None}),
    ):
        said = told(changed(ledger, kind, change))
        assert "the rows in the entry are not those that were signed" in said
        assert said.endswith("DOES NOT HOLD")


def test_a_send_tells_no_rows_but_its_approver_signs_the_chats(ledger: list[Entry]) -> None:
    data = approval_of(ledger, "send")["data"]
    (created,) = [entry for entry in ledger if entry["action"] == "send.created"]
    assert "rows" not in data
    asked = created["data"]["targets_sha256"]
    assert data["confirmation"]["also"]["targets_sha256"] == asked


def test_approvals_of_before_rows_were_signed_hold(
    monkeypatch: pytest.MonkeyPatch, told: Callable[..., str]
) -> None:
    monkeypatch.setattr("console.accounts.approvals.writing._rows_signed", lambda _record: {})
    entries = make_ledger()["entries"]
    assert "rows_sha256" not in approval_of(entries, "version")["data"]["confirmation"]["also"]
    assert told(entries).endswith("HOLDS")


def test_an_approval_is_not_moved_in_time(ledger: list[Entry], told: Callable[..., str]) -> None:
    later = changed(ledger, "version", lambda entry: entry.update(at="2031-01-01T00:00:00.000000Z"))
    assert "it was asked for at" in told(later)


def test_a_send_leaves_when_its_approver_saw(ledger: list[Entry], told: Callable[..., str]) -> None:
    at = "2031-01-01T00:00:00+00:00"
    later = changed(ledger, "send", lambda entry: entry["data"].update(release_at=at))
    assert "it leaves at another time than the approver saw" in told(later)


# --- Whose key ------------------------------------------------------------------------------------


def key_entry(entries: list[Entry], anna: Anna) -> Entry:
    (found,) = [
        entry
        for entry in entries
        if entry["action"] == "user.second_factor_added" and entry["target_ref"] == str(anna.pk)
    ]
    return found


def test_a_key_that_no_entry_made_known_is_nobodys(
    ledger: list[Entry], told: Callable[..., str], anna: Anna
) -> None:
    entries = copy.deepcopy(ledger)
    entries.remove(key_entry(entries, anna))
    assert "no entry before it says that this security key is this person's" in told(entries)


def test_a_key_that_is_made_known_later_does_not_count(
    ledger: list[Entry], told: Callable[..., str], anna: Anna
) -> None:
    entries = copy.deepcopy(ledger)
    known = key_entry(entries, anna)
    entries.remove(known)
    entries.append(known)
    assert "no entry before it says that this security key is this person's" in told(entries)


@pytest.mark.parametrize("name", ["credential_id", "public_key"])
def test_another_key_in_the_entry_of_the_registration(
    name: str, ledger: list[Entry], told: Callable[..., str], anna: Anna
) -> None:
    entries = copy.deepcopy(ledger)
    data = key_entry(entries, anna)["data"]
    data[name] = to_web(hashlib.sha256(data[name].encode()).digest())
    assert told(entries).endswith("DOES NOT HOLD")


def test_another_persons_key_does_not_count(
    ledger: list[Entry], told: Callable[..., str], anna: Anna
) -> None:
    entries = copy.deepcopy(ledger)
    key_entry(entries, anna)["target_ref"] = "999999"
    assert "no entry before it says that this security key is this person's" in told(entries)


@pytest.mark.parametrize("action", ["user.second_factor_removed", "user.second_factor_reset"])
def test_a_key_that_was_taken_away_does_not_count(
    action: str, ledger: list[Entry], told: Callable[..., str], anna: Anna
) -> None:
    entries = copy.deepcopy(ledger)
    known = key_entry(entries, anna)
    entries.insert(entries.index(known) + 1, {**copy.deepcopy(known), "action": action})
    assert "no entry before it says that this security key is this person's" in told(entries)


def test_a_reset_takes_keys_away_in_the_ledger_too(told: Callable[..., str]) -> None:
    anna = Approver(key=SoftwareKey())
    anna.approves(TO_APPROVE["version"]())
    user_second_factor_reset(ROOT, anna.user)
    assert told(exported()).endswith("HOLDS")


# --- The operator, who has all of the console's keys ----------------------------------------------


def test_the_operator_approves_in_nobodys_name_without_a_signature(
    ledger: list[Entry], told: Callable[..., str]
) -> None:
    for grade in ("second_factor", "password", "session", "token", "console"):

        def weaken(entry: Entry, grade: str = grade) -> None:
            entry["data"]["confirmation"] = {"grade": grade, "rule": "required"}

        for kind in KINDS:
            said = told(changed(ledger, kind, weaken))
            assert "the rule required the approver's security key, and none has signed it" in said
            assert said.endswith("DOES NOT HOLD")


def test_the_operator_says_that_there_was_no_rule(
    ledger: list[Entry], told: Callable[..., str]
) -> None:
    def weaken(entry: Entry) -> None:
        entry["data"]["confirmation"] = {"grade": "session", "rule": "off"}

    assert "by entry" in told(changed(ledger, "version", weaken))
    silent = changed(ledger, "version", lambda entry: entry["data"].pop("confirmation"))
    assert "it does not say how it was confirmed" in told(silent)


def test_where_the_rule_is_registered_a_person_with_a_key_has_to_use_it(
    settings: Any, told: Callable[..., str]
) -> None:
    settings.APPROVAL_RULES = dict.fromkeys(KINDS, "registered")
    anna = Approver(key=SoftwareKey())
    anna.approves(TO_APPROVE["version"]())

    def weaken(entry: Entry) -> None:
        entry["data"]["confirmation"] = {"grade": "session", "rule": "registered"}

    said = told(changed(exported(), "version", weaken))
    assert "the approver has a security key, and it has not signed" in said


def test_the_operator_signs_with_a_key_of_their_own(
    ledger: list[Entry], told: Callable[..., str], anna: Anna
) -> None:
    """With an entry that says it is hers: only her own word of her key tells them apart."""
    forger = SoftwareKey(counter=100)
    entries = copy.deepcopy(ledger)
    known = copy.deepcopy(key_entry(entries, anna))
    names = {"credential_id": to_web(forger.credential_id), "public_key": to_web(forger.public)}
    known["data"].update(names)
    entries.insert(entries.index(key_entry(entries, anna)) + 1, known)
    confirmation = approval_of(entries, "version")["data"]["confirmation"]
    challenge = to_web(verify.statement_digest(confirmation["statement"]))
    response = forger.answer(challenge)["response"]
    confirmation["assertion"] = {
        **names,
        "authenticator_data": response["authenticatorData"],
        "client_data": response["clientDataJSON"],
        "signature": response["signature"],
    }
    assert told(entries).endswith("HOLDS")
    assert "Not proved: that 5 of these keys' answers are of these persons' keys" in told(entries)

    said = told(entries, **{anna.ref: {verify.key_fingerprint(anna.key.public)}})
    assert "is not one that you have from this person" in said
    assert said.endswith("DOES NOT HOLD")


def test_the_operator_uses_a_signature_again(ledger: list[Entry], told: Callable[..., str]) -> None:
    entries = copy.deepcopy(ledger)
    entries.append(copy.deepcopy(approval_of(entries, "version")))
    assert "its statement was used before" in told(entries)


def test_a_changed_rule_stands_in_the_ledger(settings: Any, told: Callable[..., str]) -> None:
    """The rule can be weakened, and then the ledger says so: each approval tells its grade."""
    anna = Approver(key=SoftwareKey())
    anna.approves(TO_APPROVE["version"]())
    settings.APPROVAL_RULES = {}
    anna.post(TO_APPROVE["preset"]())
    said = told(exported())
    assert said.endswith("HOLDS")
    assert "Approvals without a security key's signature: " in said
    rules = AuditEntry.objects.filter(action="approvals.rules_set").order_by("seq")
    assert [entry.data["preset"] for entry in rules] == ["required", "off"]


def test_old_entries_say_nothing_and_hold(told: Callable[..., str], settings: Any) -> None:
    settings.APPROVAL_RULES = {}
    Approver().post(TO_APPROVE["version"]())
    entries = exported()
    for entry in entries:
        entry["data"].pop("confirmation", None)
    assert told(entries).endswith("HOLDS")


def test_the_database_is_verified_by_the_same(
    ledger: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    from console.audit.verification import verify_database

    report = verify_database()
    assert report.holds
    assert any("own security key: 5." in sentence for sentence in report.proved)


# --- The proof of a send --------------------------------------------------------------------------


@override_settings(**SITE)
def make_proof() -> dict[str, Any]:
    """Of a send whose release Anna's key signed."""
    make_site()
    anna = Approver(key=SoftwareKey())
    anna.approves(TO_APPROVE["send"]())
    return {"ref": anna.user.ref, "key": anna.key, "proof": prove()}


def prove() -> bytes:
    auditor = make_user("audrey", Role.AUDITOR)
    file = BytesIO()
    send_prove(auditor.to_actor(), Send.objects.get(), file)
    return file.getvalue()


proved = shared_world("proved", make_proof)


@pytest.fixture
def proof(proved: dict[str, Any], tmp_path: Path) -> Path:
    return written(proved["proof"], tmp_path)


def written(proof: bytes, folder: Path) -> Path:
    path = folder / "proof.zip"
    path.write_bytes(proof)
    return path


def proof_told(path: Path, settings: Any, **approvers: Any) -> str:
    keys = verify.Keys([public_key(settings.AUDIT_KEY)])
    report = verify.verify_export(path, keys, (), approvers=approvers or None)
    return "\n".join(verify.sentences(report))


def rewritten(
    path: Path, change: Callable[[dict[str, list[Any]]], object], **manifest_too: Any
) -> Path:
    """The proof with other files, which the console has signed, too."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = {**json.loads(files[MANIFEST]), **manifest_too}
    rows = {
        name: [json.loads(line) for line in text.splitlines()]
        for name, text in files.items()
        if name in (verify.APPROVED, verify.SEND)
    }
    change(rows)
    files[verify.SEND] = b"".join(json_lines(rows[verify.SEND]))
    lines = []
    for row in rows[verify.APPROVED]:
        entry = row["entry"]
        lines.append(verify.export_line(canonical(entry), entry_hash(entry)))
    files[verify.APPROVED] = b"".join(lines)
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256(files[name]).hexdigest()
    del manifest["signature"], manifest["key_id"]
    files[MANIFEST] = json.dumps(signed("proof", manifest)).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_a_proof_has_the_approvals_with_their_signatures(
    proof: Path, settings: Any, proved: dict[str, Any]
) -> None:
    ref, fingerprint = proved["ref"], verify.key_fingerprint(proved["key"].public)
    said = proof_told(proof, settings, **{ref: {fingerprint}})
    assert said.endswith("HOLDS")
    assert f"signed by Anna ({ref}) with the security key {fingerprint}" in said
    assert "Approval of the version Notice hello (hello/1): by Reviewer" in said
    assert "of the grade session" in said
    assert "stand in the ledger. They are older than the chain in it" in said


def drop(action: str) -> Callable[[dict[str, list[Any]]], None]:
    def change(rows: dict[str, list[Any]]) -> None:
        kept = [row for row in rows[verify.APPROVED] if row["entry"]["action"] != action]
        assert len(kept) < len(rows[verify.APPROVED])
        rows[verify.APPROVED] = kept

    return change


def in_send(**values: Any) -> Callable[[dict[str, list[Any]]], None]:
    return lambda rows: rows[verify.SEND][0].update(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_send(approved_by_ref="user:0"), "approved the send; the entries say"),
        (in_send(approved_by_name="Bob"), "approved the send; the entries say"),
        (drop("user.second_factor_added"), "no entry before it says that this security key"),
        (drop("approvals.rules_set"), "it says that the rule was required"),
    ],
)
def test_a_proof_that_was_written_anew(change: Any, words: str, proof: Path, settings: Any) -> None:
    said = proof_told(rewritten(proof, change), settings)
    assert words in said
    assert said.endswith("DOES NOT HOLD")


def test_a_proof_whose_older_entries_are_archived(proof: Path, settings: Any) -> None:
    """It can't say whose key signed, nor which rule stood, and says that."""

    def archive(rows: dict[str, list[Any]]) -> None:
        drop("user.second_factor_added")(rows)
        drop("approvals.rules_set")(rows)

    said = proof_told(rewritten(proof, archive, sealed=9), settings)
    assert said.endswith("HOLDS")
    assert "Not proved: whose security key signed." in said
    assert "after entry 9" in said


def test_a_proof_whose_people_were_swapped(proof: Path, settings: Any) -> None:
    def swap(rows: dict[str, list[Any]]) -> None:
        for row in rows[verify.APPROVED]:
            if row["entry"]["action"] == "version.approved":
                row["entry"]["actor_name"] = "Bob"

    said = proof_told(rewritten(proof, swap), settings)
    assert "The reviewer_name of version hello/1 in the file is not what was approved" in said


def test_a_proof_with_other_words_in_the_approval(proof: Path, settings: Any) -> None:
    def change(rows: dict[str, list[Any]]) -> None:
        for row in rows[verify.APPROVED]:
            if row["entry"]["action"] == "version.approved":
                row["entry"]["data"]["bodies"] = {"en": "Something else"}

    said = proof_told(rewritten(proof, change), settings)
    assert "The bodies of version hello/1 in the file is not what was approved" in said


def test_a_version_that_the_key_signed_stands_in_the_proof(tmp_path: Path, settings: Any) -> None:
    settings.APPROVAL_ABOVE = 100
    make_site()
    Approver(key=SoftwareKey()).approves(TO_APPROVE["version"]())
    from tests.support.factories import make_interaction, make_send

    make_send(make_user("sue", "supervisor"), "storm", [make_interaction("c1").pk])
    proof = written(prove(), tmp_path)
    said = proof_told(proof, settings)
    assert said.endswith("HOLDS")
    assert "Approval of the version Storm warning (storm/1): signed by Anna" in said

    def change(rows: dict[str, list[Any]]) -> None:
        for row in rows[verify.APPROVED]:
            if row["entry"]["action"] == "version.approved":
                row["entry"]["actor_name"] = "Bob"

    assert "what was signed says 'Anna' as the approver_name" in proof_told(
        rewritten(proof, change), settings
    )
