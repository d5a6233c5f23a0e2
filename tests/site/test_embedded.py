"""The embedded PostgreSQL, as several threads of one process ask for it at once."""

import os
import subprocess
import sys

from tests.demos import ROOT, data_folder, environment

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
