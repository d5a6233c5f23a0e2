"""A witness that is killed at any instant never cosigns two histories."""

import random
import signal
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.audit.witness.logs import Log, cosigned_at
from tests.audit.witness.programs import Auditor, Running, the_file_alone

pytestmark = pytest.mark.processes

SECONDS = 12.0
# What the program asks of the system while it stores a checkpoint.
CALLS = ("open", "fsync", "replace", "pwrite")
DYING = """
import os, signal

def dying(name, call):
    def wrapped(*arguments, **named):
        dying.count += 1
        if dying.count == {before}:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = call(*arguments, **named)
        if dying.count == {after}:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    return wrapped

dying.count = 0

def begin():
    for name in {calls}:
        setattr(os, name, dying(name, getattr(os, name)))
"""


class Pressing(threading.Thread):
    """Somebody who offers one side of a forked log without end, and keeps what is cosigned."""

    def __init__(self, running: Running, side: Log, vkey: str) -> None:
        super().__init__(daemon=True)
        self.running, self.side, self.vkey = running, side, vkey
        self.cosigned: list[int] = []

    def run(self) -> None:
        known = 0
        for size in range(1, len(self.side.leaves) + 1):
            try:
                known = self.offer(known, size)
            except (OSError, HTTPException, ValueError):
                return  # the witness was killed: an answer that breaks off counts for nothing

    def offer(self, known: int, size: int) -> int:
        answer = self.running.offer(self.side.request(known, size))
        if answer.status == 409 and int(answer.text) <= size:
            known = int(answer.text)
            answer = self.running.offer(self.side.request(known, size))
        if answer.status == 200:
            cosigned_at(answer.text, self.vkey, self.side.text(size))
            self.cosigned.append(size)
            return size
        return known


def press(running: Running, sides: list[Log], vkey: str) -> list[Pressing]:
    pressing = [Pressing(running, side, vkey) for side in sides]
    for each in pressing:
        each.start()
    return pressing


def test_killed_at_any_instant(tmp_path: Path) -> None:
    """Two histories are offered at once. After each kill it is started again, and both come anew:
    all that it ever cosigned is of one of them."""
    common = Log()
    chance = random.Random(18)
    rounds = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end or rounds < 5:
        rounds += 1
        auditor = Auditor(tmp_path / str(rounds))
        sides = [common.grown(60, "left"), common.grown(60, "right")]
        chance.shuffle(sides)
        counted = {side.leaves[0]: 0 for side in sides}
        for _life in range(3):
            running = auditor.start(common.vkey)
            pressing = press(running, sides, auditor.vkey)
            time.sleep(chance.uniform(0, 0.12))
            running.kill()
            for each in pressing:
                each.join(30)
                counted[each.side.leaves[0]] += len(each.cosigned)
        running = auditor.start(common.vkey)
        pressing = press(running, sides, auditor.vkey)
        for each in pressing:
            each.join(30)
            counted[each.side.leaves[0]] += len(each.cosigned)
        assert "Traceback" not in running.stop()
        assert sorted(map(bool, counted.values())) == [False, True], (rounds, counted)


def calls_of_one_checkpoint(folder: Path) -> int:
    """How many of the calls are made for one checkpoint, as the program says when it ends."""
    counting = dying_program(folder, before=0, after=0)
    text = counting.read_text("utf-8")
    said = 'log_line(f"cosigned '
    counting.write_text(text.replace(said, f'log_line(f"{{dying.count}} calls"); {said}'))
    log = Log().grown(5)
    auditor = Auditor(folder / "counting")
    with auditor.serving(log.vkey, program=counting) as running:
        assert running.offer(log.request(0)).status == 200
    return int(running.said.partition(" calls")[0].rpartition(" ")[2])


def dying_program(folder: Path, *, before: int, after: int) -> Path:
    """The witness, which kills itself at one of its calls, once it has begun to listen."""
    program = folder / f"dying-{before}-{after}.py"
    text = the_file_alone(folder).read_text("utf-8")
    start = '    log_line(f"listening at '
    assert text.count(start) == 1
    text = text.replace(start, f"    begin()\n{start}")
    dying = DYING.format(before=before, after=after, calls=CALLS)
    program.write_text(text.replace("import argparse\n", f"import argparse\n{dying}\n", 1), "utf-8")
    return program


def test_killed_before_and_after_each_call(tmp_path: Path) -> None:
    """The first checkpoint kills it at each place of its storing; then the other history comes
    first. Whichever it cosigned counts."""
    calls = calls_of_one_checkpoint(tmp_path)
    assert calls >= 5
    outcomes = set()
    for place in range(1, calls + 1):
        for when in ("before", "after"):
            common = Log()
            left, right = common.grown(7, "left"), common.grown(7, "right")
            auditor = Auditor(tmp_path / f"{when}-{place}")
            program = dying_program(tmp_path, **{"before": 0, "after": 0, when: place})
            running = auditor.start(common.vkey, program=program)
            with pytest.raises((OSError, HTTPException, ValueError)):
                running.offer(left.request(0))
            running.ends()
            assert running.status == -signal.SIGKILL
            with auditor.serving(common.vkey) as again:
                others = again.offer(right.request(0))
                if others.status == 200:
                    assert again.offer(left.request(7)).status == 422
                else:  # it remembers what it had not yet answered
                    assert others == (409, "7\n", "text/x.tlog.size")
                    assert again.offer(right.request(7)).status == 422
                    assert again.offer(left.request(7)).status == 200
                outcomes.add(others.status)
    assert outcomes == {200, 409}  # both sides of the instant from which on it is remembered
