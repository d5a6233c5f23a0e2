"""The embedded PostgreSQL: one server for all who ask for it, which ends with the last of them."""

import os
import signal
import subprocess
import sys

import psutil

from tests.support.demos import ROOT, data_folder, environment

ASK = """
import sys, threading
from pathlib import Path
from console.embedded.server import ensure_running

start = threading.Barrier(8)
answers = []

def ask():
    start.wait()
    answers.append(tuple(sorted(ensure_running(Path(sys.argv[1])).items())))

threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(answers), len(set(answers)))
"""


def test_threads_that_ask_at_once_get_one_server() -> None:
    with data_folder() as folder:
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(folder)],
            env={**environment(folder), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=90,
        )
    assert done.stdout == "8 1\n", done.stderr


ASK_AND_STAY = """
import sys, time
from pathlib import Path
from console.embedded.server import ensure_running

ensure_running(Path(sys.argv[1]))
print(open(Path(sys.argv[1]) / "postgres" / "postmaster.pid").readline().strip(), flush=True)
time.sleep(600)
"""


def test_it_ends_with_a_process_that_is_asked_to_end() -> None:
    """One that has no handler of its own for that yet."""
    with data_folder() as folder:
        program = subprocess.Popen(
            [sys.executable, "-c", ASK_AND_STAY, str(folder)],
            env={**environment(folder), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            text=True,
        )
        with program:
            assert program.stdout is not None
            server = psutil.Process(int(program.stdout.readline()))
            program.send_signal(signal.SIGTERM)
            assert program.wait(60) == 128 + signal.SIGTERM
        server.wait(60)
