"""Many requests in flight, to a real simulator."""

import asyncio

from console.esp import Client, Outcome, OutcomeKind
from tests.esp.support import NEVER, SimulatorProcess, a_message, run


async def send_many(
    url: str, interaction_id: str, count: int, window: int, request_timeout: float = NEVER
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    room = asyncio.Semaphore(window)

    def settled(future: "asyncio.Future[Outcome]") -> None:
        outcomes.append(future.result())
        room.release()

    async with Client(url, request_timeout=request_timeout) as client:
        await client.connect()
        for number in range(count):
            await room.acquire()
            text = f"number {number}"
            client.submit(a_message(interaction_id, text=text)).add_done_callback(settled)
    return outcomes


def test_two_thousand_requests_sixteen_in_flight(simulator: SimulatorProcess) -> None:
    outcomes = run(send_many(simulator.url, "pipelined", 2_000, 16))
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ACCEPTED}
    assert [outcome.reference_id for outcome in outcomes] == list(range(1, 2_001))
    answer = simulator.ask("transcript", interaction_id="pipelined", view="customer")
    assert [entry["text"] for entry in answer["entries"]] == [f"number {n}" for n in range(2_000)]


def test_each_outcome_agrees_with_the_journal(simulator: SimulatorProcess) -> None:
    """Accepted means carried out, refused means not; unknown is the only thing left open."""
    before = len(simulator.journalled())
    simulator.set_faults(refuse_every=7, silent_every=11)
    outcomes = run(send_many(simulator.url, "journalled", 200, 200, request_timeout=2.5))
    kinds = {outcome.reference_id: outcome.kind for outcome in outcomes}
    expected = {
        "response": OutcomeKind.ACCEPTED,
        "fault": OutcomeKind.REFUSED,
        "none": OutcomeKind.UNKNOWN,
    }
    lines = simulator.journalled()[before:]
    assert {line["reference_id"]: expected[line["answer"]] for line in lines} == kinds
    assert [list(kinds.values()).count(kind) for kind in expected.values()] == [156, 26, 18]


def test_a_drop_in_the_middle_leaves_unknown_only_what_was_in_flight(
    simulator: SimulatorProcess,
) -> None:
    before = len(simulator.journalled())
    simulator.set_faults(drop_every=300)
    outcomes = run(send_many(simulator.url, "dropped", 400, 16))
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds[:299] == [OutcomeKind.ACCEPTED] * 299
    unknown = kinds.count(OutcomeKind.UNKNOWN)
    assert 1 <= unknown <= 16
    assert kinds.count(OutcomeKind.NOT_SENT) == 400 - 299 - unknown
    assert len(simulator.journalled()) - before == 300
