"""The console collects cosignatures from real witnesses over TCP, and believes none of them."""

import base64
import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from console.audit.models import AuditCosignature, AuditTreeHead, AuditWitness
from console.audit.tlog import notes
from console.audit.tlog.tree import newest_head
from console.audit.witnessing.collecting import cosignatures_collect
from console.audit.witnessing.quorum import (
    Standing,
    Witnessing,
    quorum_seconds,
    require_quorum,
    witness_troubles,
    witnessing,
)
from console.errors import Unavailable
from console.text.sentences import Sentence
from tests.audit.tlog.world import sign, undone, write
from tests.audit.witness.conftest import World
from tests.audit.witness.false_witness import text_of
from tests.audit.witness.logs import cosigned_at

pytestmark = [pytest.mark.django_db, pytest.mark.processes]
TWO = ("group two 2 x y z", "quorum two")


def now() -> Witnessing:
    found = witnessing()
    assert found is not None
    return found


def standing(name: str) -> Standing:
    (found,) = [each for each in now().standings if each.witness.name == name]
    return found


def code(name: str) -> str:
    trouble = standing(name).trouble
    return trouble.code if isinstance(trouble, Sentence) else trouble


def grow(number: int) -> AuditTreeHead:
    write(number)
    sign()
    head = newest_head()
    assert head is not None
    return head


def test_each_head_gets_cosignatures_and_is_published_with_them(
    world: World, tmp_path: Path
) -> None:
    x, y = world.honest("x"), world.honest("y")
    world.policy("group both all x y", "quorum both")
    for number in (1, 5, 300, 1):
        head = grow(number)
        assert cosignatures_collect() == 2
        found = now().quorum
        assert found is not None
        assert found.size == head.size
        head.refresh_from_db()
        sign()
        published = (tmp_path / "outside/log/checkpoint").read_text()
        assert published == head.note
        text, _, lines = published.rpartition("\n\n")
        assert [line.split(" ")[1] for line in lines.splitlines()] == [
            *("console.example/ledger", "x.example/witness", "y.example/witness")
        ]
        for auditor, line in zip((x, y), lines.splitlines()[1:], strict=True):
            cosigned_at(line, auditor.vkey, f"{text}\n")
    assert witness_troubles() == []
    assert [each.trouble for each in now().standings] == ["", ""]


def test_the_same_head_is_not_asked_again_before_its_time(world: World, settings: Any) -> None:
    world.honest("x")
    world.policy("quorum x")
    grow(3)
    assert [cosignatures_collect() for _ in range(3)] == [1, 0, 0]
    assert AuditCosignature.objects.count() == 1


def test_an_unchanged_ledger_is_cosigned_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = world.honest("x")
    world.policy("quorum x")
    head = grow(3)
    monkeypatch.setattr("console.audit.witnessing.quorum.RECONFIRM_SECONDS", 0)
    assert [cosignatures_collect() for _ in range(3)] == [1, 1, 1]
    head.refresh_from_db()
    # Its note has the first one only, and the newest counts.
    assert head.note.count(auditor.vkey.partition("+")[0]) == 1
    found = now().quorum
    assert found is not None
    assert found.at.timestamp() == AuditCosignature.objects.latest("id").time


@pytest.mark.parametrize("what", ["garbage", "a line of another head", "empty", "other key"])
def test_three_witnesses_of_which_one_signs_garbage(world: World, what: str) -> None:
    world.honest("x")
    world.honest("y")
    liar = world.liar("z")
    world.policy(*TWO)
    head = grow(7)
    own_line = liar.line("console.example/ledger\n9\nAAAA\n")
    said = {
        "garbage": b"\x00\xff garbage",
        "a line of another head": own_line.encode(),
        "empty": b"",
        "other key": b"\xe2\x80\x94 z.example/witness " + base64.b64encode(bytes(76)) + b"\n",
    }[what]
    liar.answer = lambda _body: (200, "text/plain", said)
    assert cosignatures_collect() == 2
    found = now().quorum
    assert found is not None
    assert found.size == head.size
    assert code("z") == "witness_invalid_cosignature"
    assert standing("z").cosigned is None


def test_one_down_and_one_dishonest_still_make_a_quorum_of_the_true_head_only(
    world: World,
) -> None:
    """x is honest, y is down, and z cosigns whatever it is asked."""
    world.honest("x")
    world.down("y")
    world.liar("z")
    world.policy(*TWO)
    grow(7)
    with undone():
        true = grow(3)
        assert cosignatures_collect() == 2
        found = now().quorum
        assert found is not None
        assert found.size == true.size
        assert code("y") == "witness_unreachable"
        require_quorum()
        folder = Path(str(world._settings.CHECKPOINTS_TO))
    # The same backup, another history, the same key: the dishonest one alone is no quorum.
    world._settings.CHECKPOINTS_TO = str(folder.with_name("other"))
    write(9, other=True)
    sign()
    assert cosignatures_collect() == 1
    assert now().quorum is None
    assert standing("x").contradicts
    assert {each.code for each in witness_troubles()} == {"witness_contradicts"}


@pytest.mark.parametrize("smaller", [False, True])
def test_a_forked_console_is_found_by_the_next_round(
    world: World, tmp_path: Path, smaller: bool
) -> None:
    """Two consoles come from one backup, with the same key. Whichever a witness meets second is
    told so, and the evidence is kept."""
    auditor = world.honest("x")
    world.policy("quorum x")
    grow(10)
    assert cosignatures_collect() == 1
    with undone():
        grow(10)
        assert cosignatures_collect() == 1
    world._settings.CHECKPOINTS_TO = str(tmp_path / "elsewhere")
    write(4 if smaller else 15, other=True)
    sign()
    assert cosignatures_collect() == 0
    assert code("x") == ("witness_ahead" if smaller else "witness_forked")
    assert standing("x").contradicts
    (trouble,) = witness_troubles()
    assert trouble.code == "witness_contradicts"
    assert "The witness x contradicts the ledger." in trouble
    (file,) = auditor.evidence()
    assert file.name.startswith("shrunk-" if smaller else "unproven-")
    assert file.read_text().count("— console.example/ledger ") == 2
    assert world.running["x"].ask("/status").status == 503


def test_a_forked_console_of_the_same_size_is_proved(world: World, tmp_path: Path) -> None:
    auditor = world.honest("x")
    world.policy("quorum x")
    grow(10)
    with undone():
        grow(10)
        assert cosignatures_collect() == 1
    world._settings.CHECKPOINTS_TO = str(tmp_path / "elsewhere")
    write(10, other=True)
    sign()
    assert cosignatures_collect() == 0
    assert code("x") == "witness_forked"
    (file,) = auditor.evidence("fork")
    assert "FORK" in file.read_text()


def answers(said: tuple[int, str, bytes]):
    return lambda _body: said


LIES = {
    "witness_ahead": (409, "text/x.tlog.size", b"99999999\n"),
    "witness_restless": (409, "text/x.tlog.size", b"2\n"),
    "witness_answers_otherwise": (409, "text/plain", b"2\n"),
    "witness_unknown_log": (404, "text/plain", b""),
    "witness_unknown_key": (403, "text/plain", b""),
    "witness_refuses": (500, "text/plain", b"an <evil>\x1b[31m word"),
    "witness_unreachable": (200, "text/plain", b"x" * 100_000),
}


@pytest.mark.parametrize("wanted", LIES)
def test_what_a_witness_says_otherwise_is_said_in_words(world: World, wanted: str) -> None:
    liar = world.liar("z")
    world.policy("quorum z")
    grow(5)
    liar.answer = answers(LIES[wanted])
    assert cosignatures_collect() == 0
    trouble = standing("z").trouble
    assert code("z") == wanted
    assert "\x1b" not in trouble
    assert len(liar.asked) <= 3
    assert AuditCosignature.objects.count() == 0
    # It mends its ways.
    liar.answer = liar.cosign
    assert cosignatures_collect() == 1
    assert standing("z").trouble == ""


def test_a_size_that_is_no_number_is_believed_by_nobody(world: World) -> None:
    liar = world.liar("z")
    world.policy("quorum z")
    grow(5)
    for said in (b"-1\n", b"01\n", b"", b"1e3\n", "٣\n".encode(), b"9" * 400):
        liar.answer = answers((409, "text/x.tlog.size", said))
        assert cosignatures_collect() == 0
        assert code("z") in ("witness_answers_otherwise", "witness_unreachable")


def test_a_cosignature_from_the_future_is_none(world: World) -> None:
    liar = world.liar("z")
    world.policy("quorum z")
    grow(5)
    ahead = int(time.time()) + 3600
    liar.answer = lambda body: (200, "text/plain", liar.line(text_of(body), ahead).encode())
    assert cosignatures_collect() == 0
    assert code("z") == "witness_clock"
    # Put into the database all the same, it counts for nothing.
    head = newest_head()
    assert head is not None
    AuditCosignature.objects.create(
        origin=head.origin,
        size=head.size,
        witness=liar.vkey,
        line=liar.line(notes.parse(head.note).text, ahead),
        time=ahead,
        at=head.at,
    )
    assert now().quorum is None


def test_what_the_database_says_is_verified(world: World) -> None:
    """The application's role writes cosignatures that no witness made: they count for nothing."""
    world.down("x")
    world.policy("quorum x")
    head = grow(5)
    with pytest.raises(Unavailable):
        settings_of(world, minutes=10)
    (vkey,) = [each.verifier.vkey() for each in now().policy.witnesses.values()]
    forged = f"— x.example/witness {base64.b64encode(bytes(76)).decode()}\n"
    AuditCosignature.objects.create(
        origin=head.origin, size=head.size, witness=vkey, line=forged, time=2**40, at=head.at
    )
    assert now().quorum is None
    with pytest.raises(Unavailable):
        require_quorum()


def settings_of(world: World, *, minutes: int) -> None:
    world._settings.QUORUM_MINUTES = minutes
    require_quorum()


@pytest.mark.parametrize(
    "statement", ["UPDATE {0} SET size = 1", "DELETE FROM {0}", "TRUNCATE {0}"]
)
def test_cosignatures_stay_as_they_came(world: World, statement: str) -> None:
    world.liar("z")
    world.policy("quorum z")
    grow(5)
    assert cosignatures_collect() == 1
    with pytest.raises(DatabaseError, match=r"refused|permission denied"), transaction.atomic():
        connection.cursor().execute(statement.format("audit_auditcosignature"))


def test_a_large_proof_is_made_after_a_long_absence(world: World) -> None:
    world.honest("x")
    world.policy("quorum x")
    for number in (1, 700):
        grow(number)
    # It has seen none of these; now it is asked for the first time, and then misses some.
    assert cosignatures_collect() == 1
    AuditWitness.objects.all().delete()  # as after a restore of an older database
    grow(600)
    grow(3)
    assert cosignatures_collect() == 1


def test_a_witness_without_an_address_is_not_asked(world: World) -> None:
    liar = world.liar("z")
    world.lines = [world.lines[0].rpartition(" ")[0]]
    world.policy("quorum z")
    grow(2)
    assert cosignatures_collect() == 0
    assert liar.asked == []
    assert code("z") == "witness_no_address"


def test_a_policy_of_another_log_is_told(world: World) -> None:
    world.liar("z")
    world.policy("quorum z")
    grow(2)
    assert cosignatures_collect() == 1
    world._settings.WITNESS_POLICY = None
    assert witness_troubles() == []
    world._settings.AUDIT_OLD_KEYS = []
    world.ledger = re.sub("ledger", "other", world.ledger)
    key = notes.parse_vkey(world.lines[0].split()[2])
    world.ledger = notes.Verifier("console.example/other", key.public).vkey()
    world.policy("quorum z")
    assert "policy_of_another_log" in {each.code for each in witness_troubles()}


def test_nothing_is_asked_without_a_policy_or_a_tree(world: World) -> None:
    assert cosignatures_collect() == 0
    world.down("x")
    world.policy("quorum x")
    assert cosignatures_collect() == 0
    assert quorum_seconds() == 0


def test_the_request_has_none_of_the_others_signatures(world: World) -> None:
    liar = world.liar("z")
    world.honest("x")
    world.policy("group any-of any x z", "quorum any-of")
    grow(2)
    cosignatures_collect()
    grow(2)
    cosignatures_collect()
    assert all(body.decode().count("—") == 1 for body in liar.asked)
