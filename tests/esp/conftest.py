import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.esp.support import SimulatorProcess, simulator_process
from tests.support.network import make_certificate


@pytest.fixture(autouse=True)
def _no_errors_in_the_loop(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What asyncio can only log (an exception in a callback) must fail a test too."""
    yield
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == []


@pytest.fixture(scope="session")
def shared_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """One process for many tests; they use interactions of their own."""
    with simulator_process(tmp_path_factory.mktemp("simulator") / "journal.jsonl") as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: SimulatorProcess) -> Iterator[SimulatorProcess]:
    """The shared simulator, without faults before and after."""
    yield shared_simulator
    shared_simulator.set_faults(
        **{name: type(value)() for name, value in shared_simulator.ask("faults")["faults"].items()}
    )


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))
