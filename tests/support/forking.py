"""The process of tests.support.warm_start that has loaded the libraries and forks at a start."""

import ctypes
import fcntl
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

PR_SET_PDEATHSIG = 1
MOST_BYTES, MOST_DESCRIPTORS = 200_000, 32
# Above the numbers that a program may be handed.
FIRST_FREE = 200


def main() -> None:
    del sys.path[0]  # this folder, which is put there for the program that was started
    line = socket.socket(fileno=int(sys.argv[1]))
    modules = json.loads(line.recv(MOST_BYTES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            with suppress(Exception):  # what can't do without settings is loaded by each program
                importlib.import_module(name)
    assert not any(name.partition(".")[0] == "console" for name in sys.modules)
    gc.collect()
    gc.freeze()
    line.sendall(b"ready")
    for order, descriptors in _orders(line):
        if _is_program(line):
            line.close()
            _become(order, descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _orders(line: socket.socket) -> Iterator[tuple[dict[str, Any], list[int]]]:
    while True:
        message, descriptors, _flags, _from = socket.recv_fds(line, MOST_BYTES, MOST_DESCRIPTORS)
        if not message:
            return
        yield json.loads(message), list(descriptors)


def _is_program(line: socket.socket) -> bool:
    """Fork twice; true in the program, which by then is a child of the tests' process."""
    told, tell = os.pipe()
    if not os.fork():
        between = os.getpid()
        program = os.fork()
        if program:
            os.write(tell, str(program).encode())
            os._exit(0)
        os.close(told)
        os.close(tell)
        while os.getppid() == between:
            time.sleep(0.001)
        return True
    os.wait()
    line.sendall(os.read(told, 20))
    os.close(told)
    os.close(tell)
    return False


def _become(order: dict[str, Any], descriptors: list[int]) -> None:
    if order["is_leader"]:
        os.setsid()
    if order["ends_with_parent"]:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, FIRST_FREE) for each in descriptors]
    for each in descriptors:
        os.close(each)
    for number, each in zip(order["numbers"], moved, strict=True):
        os.dup2(each, number)
        os.close(each)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False, errors="backslashreplace", buffering=1)
    first, *others = order["arguments"]
    if first == "-m":
        sys.path.insert(0, order["folder"])
        sys.argv = others
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(first))
        sys.argv = [first, *others]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
