"""The rows of witnesses in the table of docs/audit.md: three witnesses, of whom two suffice, real
programs but for those that lie, and a console that may show them two histories."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.audit.models import AuditTreeHead
from console.audit.tlog.tree import newest_head
from console.audit.witnessing.collecting import cosignatures_collect
from tests.audit.test_attackers import rows
from tests.audit.tlog.world import sign, undone, write
from tests.audit.witness.conftest import World
from tests.audit.witness.false_witness import FalseWitness, text_of
from tests.audit.witness.test_collecting import TWO, answers, code, grow, now, standing

pytestmark = [pytest.mark.django_db, pytest.mark.processes]
NAMES = ("x", "y", "z")
REFUSED = {"witness_invalid_cosignature", "witness_clock"}


def witnesses(world: World, liars: int) -> list[FalseWitness]:
    """Three, the last of whom lie. Return these."""
    for name in NAMES[: len(NAMES) - liars]:
        world.honest(name)
    made = [world.liar(name) for name in NAMES[len(NAMES) - liars :]]
    world.policy(*TWO)
    return made


def sign_what_it_was_not_asked_for(world: World) -> None:
    (liar,) = witnesses(world, 1)
    line = liar.line("console.example/ledger\n9\nAAAA\n")
    liar.answer = answers((200, "text/plain", line.encode()))
    grow(7)
    assert cosignatures_collect() == 2


def bring_an_older_one_once_more(world: World) -> None:
    (liar,) = witnesses(world, 1)
    grow(7)
    assert cosignatures_collect() == 3
    old = liar.cosign(liar.asked[-1])
    liar.answer = answers(old)
    grow(7)
    assert cosignatures_collect() == 2


def date_it_ahead(world: World) -> None:
    (liar,) = witnesses(world, 1)
    ahead = int(time.time()) + 3600
    liar.answer = lambda body: (200, "text/plain", liar.line(text_of(body), ahead).encode())
    grow(7)
    assert cosignatures_collect() == 2


def be_down(world: World) -> None:
    world.honest("x")
    world.honest("y")
    world.down("z")
    world.policy(*TWO)
    grow(7)
    assert cosignatures_collect() == 2
    assert code("z") == "witness_unreachable"


def say_that_it_saw_another_history(world: World) -> None:
    (liar,) = witnesses(world, 1)
    liar.answer = answers((409, "text/x.tlog.size", b"99999999\n"))
    grow(7)
    assert cosignatures_collect() == 2
    assert standing("z").contradicts


def fork(liars: int) -> Callable[[World], None]:
    """The operator shows all witnesses a history, and then another one in its place."""

    def attempt(world: World) -> None:
        witnesses(world, liars)
        grow(10)
        with undone():
            grow(10)
            assert cosignatures_collect() == 3
        outside = Path(str(world._settings.CHECKPOINTS_TO))
        world._settings.CHECKPOINTS_TO = str(outside.with_name("other"))
        write(15, other=True)
        sign()
        assert cosignatures_collect() == liars

    return attempt


ATTEMPTS: dict[tuple[str, str], Callable[[World], None]] = {
    ("one witness", "sign what it was not asked for"): sign_what_it_was_not_asked_for,
    ("one witness", "bring an older cosignature once more"): bring_an_older_one_once_more,
    ("one witness", "date its cosignature ahead"): date_it_ahead,
    ("one witness", "be down"): be_down,
    ("one witness", "say that it saw another history"): say_that_it_saw_another_history,
    ("one witness, with an operator with all keys", "cosign two histories"): fork(1),
    ("all witnesses but one, with an operator with all keys", "cosign two histories"): fork(2),
    ("all witnesses, with an operator with all keys", "cosign two histories"): fork(3),
}


@pytest.mark.parametrize(
    ("attacker", "attempt"), ATTEMPTS, ids=[" - ".join(each) for each in ATTEMPTS]
)
def test_it_ends_as_the_page_says(attacker: str, attempt: str, world: World) -> None:
    ATTEMPTS[attacker, attempt](world)
    assert answer(world) == rows()[attacker, attempt]
    # So many collude: do they make a quorum of the other history?
    is_quorum = now().quorum is not None and now().quorum.size == the_head().size
    assert is_quorum == (not attacker.startswith("one witness, with"))


def the_head() -> AuditTreeHead:
    head = newest_head()
    assert head is not None
    return head


def answer(world: World) -> str:
    alarmed = [name for name, auditor in world.auditors.items() if auditor.evidence()]
    if alarmed:
        for name in alarmed:
            assert standing(name).contradicts
            assert world.running[name].ask("/status").status == 503
        return "found"
    if any(code(name) in REFUSED for name in NAMES):
        return "refused"
    liars = len(NAMES) - len(world.auditors)
    return "not found" if liars == len(NAMES) else "without effect"
