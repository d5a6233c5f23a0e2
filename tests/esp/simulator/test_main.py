"""`python -m console.esp.simulator`, in processes of its own."""

import asyncio
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from console.esp import Client, Outcome, OutcomeKind
from console.esp.simulator.__main__ import main
from tests.esp.support import (
    APP_NAME,
    PATIENCE,
    ROOT,
    SIMULATOR,
    SimulatorProcess,
    a_message,
    run,
    simulator_process,
)
from tests.support.network import free_port


def send(simulator: SimulatorProcess, *interaction_ids: str) -> list[Outcome]:
    async def ask() -> list[Outcome]:
        async with Client(simulator.url) as client:
            return [await client.request(a_message(one)) for one in interaction_ids]

    return run(ask())


def kinds(outcomes: list[Outcome]) -> list[OutcomeKind]:
    return [outcome.kind for outcome in outcomes]


ACCEPTED, REFUSED = OutcomeKind.ACCEPTED, OutcomeKind.REFUSED


def test_every_answer_that_was_seen_is_in_the_journal_of_a_killed_simulator(
    tmp_path: Path,
) -> None:
    with simulator_process(tmp_path / "journal") as simulator:

        async def ask() -> list[Outcome]:
            outcomes: list[Outcome] = []
            enough = asyncio.Event()

            def settled(future: "asyncio.Future[Outcome]") -> None:
                outcomes.append(future.result())
                if len(outcomes) == 100:
                    simulator.kill()
                    enough.set()

            async with Client(simulator.url) as client:
                await client.connect()
                for _ in range(1_000):
                    client.submit(a_message()).add_done_callback(settled)
                await enough.wait()
            return outcomes

        outcomes = run(ask())
    taken = {
        line["reference_id"] for line in simulator.journalled() if line["answer"] == "response"
    }
    accepted = {outcome.reference_id for outcome in outcomes if outcome.kind is ACCEPTED}
    assert len(outcomes) == 1_000
    assert len(accepted) >= 100
    assert accepted <= taken


def test_a_restarted_simulator_appends(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    for start in range(2):
        with simulator_process(journal) as simulator:
            assert kinds(send(simulator, f"{start}a", f"{start}b")) == [ACCEPTED] * 2
    lines = simulator.journalled()
    assert [line["interaction_id"] for line in lines] == ["0a", "0b", "1a", "1b"]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert [line["reference_id"] for line in lines] == [1, 2, 1, 2]


def test_faults_and_strictness_by_option(tmp_path: Path) -> None:
    options = ["--sessions-must-exist", "--refuse-every", "2", "--latency", "0.01"]
    with simulator_process(tmp_path / "journal", *options) as simulator:
        simulator.ask("open_session", interaction_id="known", user_data={"FirstName": "Jane"})
        outcomes = send(simulator, "known", "known", "unknown")
        faults = simulator.ask("faults")["faults"]
    assert [outcome.fault_code for outcome in outcomes] == [
        "", "refused_on_demand", "unknown_session"
    ]  # fmt: skip
    assert (faults["refuse_every"], faults["latency"]) == (2, 0.01)


def test_not_listening_until_told_to(tmp_path: Path) -> None:
    with simulator_process(tmp_path / "journal", "--not-listening") as simulator:
        assert kinds(send(simulator, "a")) == [OutcomeKind.NOT_SENT]
        simulator.set_faults(not_listening=False)
        assert kinds(send(simulator, "a")) == [ACCEPTED]


def test_given_ports_are_used(tmp_path: Path) -> None:
    port, control_port = free_port(), free_port()
    with simulator_process(
        tmp_path / "journal", "--port", str(port), "--control-port", str(control_port)
    ) as simulator:
        assert (simulator.port, simulator.control_port) == (port, control_port)
        assert kinds(send(simulator, "a")) == [ACCEPTED]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_clients_and_onlookers_connected(
    tmp_path: Path, number: signal.Signals
) -> None:
    with simulator_process(tmp_path / "journal") as simulator:
        addresses = [("127.0.0.1", simulator.port), ("127.0.0.1", simulator.control_port)]
        clients = [socket.create_connection(address, timeout=PATIENCE) for address in addresses]
        assert simulator.ask("stats")["stats"]["connections_open"] == 1
        simulator.process.send_signal(number)
        assert simulator.end() == (0, "")
        for client in clients:
            client.close()


def failure(*options: str) -> tuple[int, str]:
    """How the program ends that cannot start."""
    done = subprocess.run(
        [*SIMULATOR, *options], capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        common = ["--name", APP_NAME, "--journal", str(tmp_path / "journal")]
        for ports in (["--port", port], ["--port", "0", "--control-port", port]):
            code, complaint = failure(*common, *ports)
            assert code == 1
            assert complaint.startswith("The simulator cannot start: [Errno 98] ")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--journal", "/nowhere/journal"], "No such file or directory: '/nowhere/journal'"),
        (["--refuse-every", "-1"], "The simulator cannot start: Expected `int` >= 0"),
        (["--tls-certificate", "/nowhere", "--tls-key", "/nowhere"], "No such file or directory"),
    ],
)
def test_what_keeps_it_from_starting(
    tmp_path: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--name", APP_NAME, "--port", "0", "--journal", str(tmp_path / "journal")]
    with pytest.raises(SystemExit, match=complaint):
        main([*common, *options])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("option", ["--tls-certificate", "--tls-key"])
def test_a_certificate_needs_its_key(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--name", "x", "--port", "0", "--journal", "x", option, "x"])
    assert "belong together" in capsys.readouterr().err


def test_the_help_names_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for option in ("latency", "refuse-every", "silent-every", "drop-every", "drop-before-every"):
        assert f"--{option}" in shown
    for option in ("garbage-every", "cut-every", "times", "half-open", "not-listening"):
        assert f"--{option}" in shown
