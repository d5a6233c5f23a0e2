"""What the proof of one delivery out of a long ledger costs, beside the delivery's page.

The ledger is filled as in `append`. The tree over it is as large and as deep as that of a real
ledger, in the same tiles; the leaves of entries that no proof shows are made up, which no path
asks.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test import Client as DjangoClient

from console.accounts.roles import Role
from console.accounts.services import api_client_create, user_create
from console.actors import system_actor
from console.audit.checkpoints import private_key, trusted_keys
from console.audit.models import AuditEntry, AuditTreeHead
from console.audit.tlog import growing, leaves, notes, tree
from console.audit.tlog.merkle import root_at
from console.audit.tlog.notes import Checkpoint
from console.audit.verify import verify_delivery_bytes
from console.database.clock import near_now
from console.sends.models import Delivery
from console.sends.proof.delivery import entries_about
from console.sends.proof.delivery_file import as_file
from tests.support.signing_in import sign_in
from tools.bench.append import fill, processor_time
from tools.bench.measures import create_send, drain
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World

# Of each of the two sends. Those that end together stand in one entry.
CHATS = 1000
VISITS = 20
BYTES_MOST = 8192
Ask = Callable[[], bytes]


def delivery_proof(world: World) -> list[Row]:
    """Milliseconds of CPU that a proof takes, and the bytes of its file."""
    before = _delivery(world)
    fill(world.ledger)
    after = _delivery(world)
    _grow_tree([before, after])
    browser, program = _readers()
    rows: list[Row] = []
    for words, delivery in (("an old", before), ("a new", after)):
        rows += _rows(world, words, delivery, browser, program)
    return rows


def _delivery(world: World) -> Delivery:
    """Send to some chats, and return a delivery in the middle of their list."""
    send = create_send(world.chats(CHATS))[1]
    drain(send)
    return send.deliveries.order_by("pk")[CHATS // 2]


def _grow_tree(deliveries: list[Delivery]) -> None:
    """Let the tree grow to the ledger's end, and sign its head."""
    shown = {each.seq: each for found in deliveries for each in entries_about(found)}
    log, end = growing.log_begin(), AuditEntry.objects.latest("seq").seq

    def leaf(seq: int) -> bytes:
        entry = shown.get(seq)
        if entry is None:
            return hashlib.sha256(b"%d" % seq).digest()
        return leaves.salted(tree.salt_of(seq), tree.leaf_bytes(entry))

    for begin, upto in _pieces(tree.tree_size(), end):
        with growing.tree_locked():
            growing.leaves_add(begin, [leaf(seq) for seq in range(begin + 1, upto + 1)])
    said = Checkpoint(log.origin, end, root_at(tree.reader(), end))
    note = notes.written(said.text(), [notes.sign(said.text(), log.origin, private_key())])
    AuditTreeHead.objects.create(
        size=end, origin=log.origin, root=said.root, at=near_now(), note=note
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audit_audittile")
        cursor.execute("CHECKPOINT")


def _pieces(size: int, end: int) -> Iterator[tuple[int, int]]:
    while size < end:
        upto = min(end, (size // growing.ENTRIES_A_PIECE + 1) * growing.ENTRIES_A_PIECE)
        yield size, upto
        if size // 1_000_000 != upto // 1_000_000:
            say(f"delivery_proof: a tree of {upto:,} leaves")
        size = upto


def _readers() -> tuple[DjangoClient, DjangoClient]:
    """Return a person's browser and a program: both may read the history and the trail."""
    actor = system_actor("bench")
    name, password = "bench-prover", "a bench sits on its own"
    person = user_create(actor, username=name, password=password, roles=list(Role.values))
    browser = DjangoClient(SERVER_NAME="127.0.0.1")
    sign_in(browser, person)
    token = api_client_create(actor, name="prover", scopes=["read", "audit"])[1]
    program = DjangoClient(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {token}"})
    return browser, program


def _rows(
    world: World, words: str, delivery: Delivery, browser: DjangoClient, program: DjangoClient
) -> Iterator[Row]:
    of = f"{words} delivery out of {world.ledger:,} entries"

    def page() -> bytes:
        return _answer(browser.get(f"/history/{delivery.pk}/"))

    def proof() -> bytes:
        return _answer(program.get(f"/api/v1/deliveries/{delivery.pk}/proof/"))

    file = proof()
    report = verify_delivery_bytes(file, trusted_keys())
    if not report.holds:
        raise RuntimeError("; ".join(each.sentence for each in report.findings))
    _milliseconds(page), _milliseconds(proof)  # warms up
    rounds = []
    for number in range(world.rounds):
        rounds.append(Pair(_milliseconds(proof), _milliseconds(page)))
        say(f"delivery_proof: {words}, round {number + 1}, ratio {rounds[-1].ratio:.3f}")
    yield row(
        "delivery_proof",
        f"proof of {of} : the delivery's page",
        rounds,
        unit="ms CPU",
        goal=Goal(most=1),
        note="By the API and by a browser, each of this process and its PostgreSQL.",
    )
    said = {name: each for name, each in json.loads(file).items() if name != "text"}
    yield row(
        "delivery_proof",
        f"file that proves {of}, without its text : with it",
        [Pair(len(as_file(said)), len(file))],
        unit="bytes",
        goal=Goal(most=BYTES_MOST, of="first"),
        note=f"{len(said['entries'])} entries with {len(said['hashes'])} hashes.",
    )


def _answer(response: Any) -> bytes:
    if response.status_code != 200:
        raise RuntimeError(f"{response.status_code}: {response.content[:300]!r}")
    return bytes(response.content)


def _milliseconds(ask: Ask) -> float:
    """Return the CPU time of one answer, of this process and its PostgreSQL."""
    used = processor_time()
    before = used()
    for _ in range(VISITS):
        ask()
    return 1e3 * (used() - before) / VISITS
