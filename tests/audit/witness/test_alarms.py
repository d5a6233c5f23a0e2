"""What a witness keeps, and whom it tells, when checkpoints fork, shrink, or stop."""

import json
import ssl
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from console.audit import witness
from tests.audit.test_outside import authority  # noqa: F401 - a fixture
from tests.audit.witness.logs import Log, cosigned_at
from tests.audit.witness.programs import Auditor, Running, run, the_file_alone, until
from tests.support.authority import Authority

pytestmark = pytest.mark.processes


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    return Auditor(tmp_path / "auditor")


@pytest.fixture
def log() -> Log:
    return Log().grown(10, "common")


def alarms(running: Running) -> str:
    answer = running.ask("/status")
    assert answer.status == (503 if "ALARM" in answer.text else 200)
    return "\n".join(line for line in answer.text.split("\n") if line.startswith("ALARM "))


def signed_notes(text: str, log: Log) -> dict[bytes, int]:
    """The checkpoints with the log's valid signature that an auditor reads from a file: the root
    of each with its size."""
    key = witness.key_of(log.vkey, witness.ED25519)
    found = {}
    for start in [place for place in range(len(text)) if text.startswith(f"{log.origin}\n", place)]:
        for end in [place + 1 for place in range(start, len(text)) if text[place] == "\n"]:
            try:
                checkpoint = witness.checkpoint_of(text[start:end])
                checkpoint.signed_by([key])
            except (ValueError, witness.Declined):
                continue
            found[checkpoint.root] = checkpoint.size
    return found


def test_a_fork_of_one_size_is_proved_by_the_file_alone(auditor: Auditor, log: Log) -> None:
    left, right = log.grown(20, "left"), log.grown(20, "right")
    with auditor.serving(log.vkey) as running:
        assert running.offer(left.request(0)).status == 200
        assert alarms(running) == ""
        assert running.offer(right.request(20)).status == 422
        (file,) = auditor.evidence("fork")
        assert str(file) in alarms(running)
        assert "FORK" in alarms(running)
        until(lambda: "FORK" in running.said, "it says so")
        # Two valid signatures of the log, one size, two roots.
        found = signed_notes(file.read_text(), log)
        assert list(found.values()) == [20, 20]
        # The history that it knows goes on; the alarm stands.
        assert running.offer(left.grown(25, "left").request(20)).status == 200
        assert "FORK" in alarms(running)
    with auditor.serving(log.vkey) as running:
        assert "FORK" in alarms(running)


@pytest.mark.parametrize("old", [0, 12])
def test_a_fork_at_a_size_long_past_is_found_though_the_old_size_is_refused(
    auditor: Auditor, log: Log, old: int
) -> None:
    left, right = log.grown(400, "left"), log.grown(14, "right")
    with auditor.serving(log.vkey) as running:
        known = 0
        for size in (9, 14, 15, 90, 333, 400):
            assert running.offer(left.request(known, size)).status == 200
            known = size
        assert running.offer(f"old {old}\n\n{right.note()}".encode()).status == 409
        (file,) = auditor.evidence("fork")
        assert list(signed_notes(file.read_text(), log).values()) == [14, 14]


def test_a_fork_that_has_grown_apart_is_unproven(auditor: Auditor, log: Log) -> None:
    left, right = log.grown(20, "left"), log.grown(33, "right")
    with auditor.serving(log.vkey) as running:
        assert running.offer(left.request(0)).status == 200
        assert running.offer(right.request(20)).status == 422
        (file,) = auditor.evidence()
        assert file.name.startswith("unproven-")
        assert sorted(signed_notes(file.read_text(), log).values()) == [20, 33]
        assert "UNPROVEN" in alarms(running)


def test_a_wrong_proof_for_a_true_checkpoint_is_an_alarm_until_a_right_one_comes(
    auditor: Auditor, log: Log
) -> None:
    log = log.grown(33)
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.request(0, 20)).status == 200
        assert running.offer(f"old 20\n\n{log.note()}".encode()).status == 422
        assert "UNPROVEN" in alarms(running)
        assert running.offer(log.request(20)).status == 200
        assert alarms(running) == ""
        assert [path.name[:9] for path in (auditor.state / "evidence/settled").iterdir()] == [
            "unproven-"
        ]


def test_a_log_that_shrank(auditor: Auditor, log: Log) -> None:
    restored = log.grown(15, "since the backup")
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.grown(30).request(0)).status == 200
        assert running.offer(restored.request(0)).text == "30\n"
        (file,) = auditor.evidence("shrunk")
        assert "SHRUNK" in alarms(running)
        assert sorted(signed_notes(file.read_text(), log).values()) == [15, 30]
        # An auditor who has understood it puts the file away.
        file.rename(file.parent / "settled" / file.name)
        assert alarms(running) == ""
        assert running.offer(restored.request(0)).status == 409
        assert alarms(running) == ""


def test_an_old_checkpoint_again_is_refused_without_an_alarm(auditor: Auditor, log: Log) -> None:
    log = log.grown(30)
    old = log.request(0, 12)
    with auditor.serving(log.vkey) as running:
        assert running.offer(old).status == 200
        assert running.offer(log.request(12)).status == 200
        for _again in range(3):
            assert running.offer(old) == (409, "30\n", "text/x.tlog.size")
        assert alarms(running) == ""
        assert auditor.evidence() == []


def test_without_the_logs_signature_nothing_is_kept(auditor: Auditor, log: Log) -> None:
    stranger = Log(log.leaves).grown(30, "forged")
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.request(0)).status == 200
        assert running.offer(stranger.request(10)).status == 403
        assert auditor.evidence() == []


def test_evidence_has_an_end_but_for_forks(auditor: Auditor, log: Log, tmp_path: Path) -> None:
    bounded = tmp_path / "bounded.py"
    text = the_file_alone(tmp_path).read_text("utf-8")
    bounded.write_text(text.replace("MOST_EVIDENCE = 1000", "MOST_EVIDENCE = 3"), "utf-8")
    log = log.grown(40)
    with auditor.serving(log.vkey, program=bounded) as running:
        assert running.offer(log.request(0, 20)).status == 200
        for size in range(21, 40):
            assert running.offer(f"old 20\n\n{log.note(size)}".encode()).status == 422
        assert len(auditor.evidence("unproven")) == 3
        assert running.offer(log.grown(20).grown(20).request(0, 19)).status == 409
        forked = Log(log.leaves[:10], log.origin, log.private).grown(20, "other")
        assert running.offer(forked.request(20)).status == 422
        assert len(auditor.evidence("fork")) == 1


# --- Bells -------------------------------------------------------------------------------------


class Heard:
    """Who is told of alarms: a real HTTP server."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.status = 200
        heard = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if heard.status == 200:
                    heard.said.append(json.loads(body))
                self.send_response(heard.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/alarm"

    def states(self) -> list[tuple[str, str]]:
        return [(said["alarm"], said["state"]) for said in self.said]


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_checkpoints_that_stop_are_told_of_and_that_they_go_on(
    auditor: Auditor, log: Log, heard: Heard, tmp_path: Path
) -> None:
    notes = tmp_path / "told.txt"
    command = f"{sys.executable} -c \"import sys; open('{notes}', 'a').write(sys.stdin.read())\""
    with auditor.serving(
        log.vkey, stale="0.03", alarm_command=command, alarm_post=heard.address
    ) as running:
        # A log of which nothing ever came.
        until(lambda: heard.states() == [("stopped", "alarm")], "it is told")
        assert heard.said[0]["log"] == log.origin
        assert "no checkpoint has come" in heard.said[0]["text"]
        assert running.offer(log.request(0)).status == 200

        def goes_on() -> bool:
            """The same checkpoint once more says that the log lives."""
            assert running.offer(log.request(10)).status == 200
            return ("stopped", "ended") in heard.states()

        until(goes_on, "its end is told")
        until(lambda: heard.states().count(("stopped", "alarm")) == 2, "it is told anew")
        assert "STOPPED" in alarms(running)
    assert "STOPPED" in notes.read_text()
    assert ", ended: " in notes.read_text()


def test_a_fork_is_told_with_its_file(auditor: Auditor, log: Log, heard: Heard) -> None:
    with auditor.serving(log.vkey, alarm_post=heard.address) as running:
        assert running.offer(log.grown(20, "left").request(0)).status == 200
        assert running.offer(log.grown(20, "right").request(20)).status == 422
        until(lambda: heard.states() == [("fork", "alarm")], "it is told")
        assert heard.said[0]["file"] == str(auditor.evidence("fork")[0])


def test_what_nobody_heard_is_told_again(
    auditor: Auditor, log: Log, heard: Heard, tmp_path: Path
) -> None:
    patient = tmp_path / "patient.py"
    text = the_file_alone(tmp_path).read_text("utf-8")
    times = "AGAIN_SECONDS, RETRY_SECONDS = 24 * 3600, 60"
    assert times in text
    patient.write_text(text.replace(times, "AGAIN_SECONDS, RETRY_SECONDS = 24 * 3600, 0"), "utf-8")
    heard.status = 302
    options = {"stale": "0.001", "alarm_post": heard.address}
    with auditor.serving(log.vkey, program=patient, **options) as running:
        until(lambda: running.said.count("does not take it") >= 2, "it is tried again")
        heard.status = 200
        until(lambda: heard.states() == [("stopped", "alarm")], "it is told at last")


# --- The folder ----------------------------------------------------------------------------------


def test_the_command_status_says_what_stands(auditor: Auditor, log: Log) -> None:
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.grown(20, "left").request(0)).status == 200
        fine = run(auditor.folder, "status", "--state", auditor.state)
        assert (fine.returncode, fine.stderr) == (0, "")
        assert f"log {log.origin}: size 20, cosigned at " in fine.stdout
        assert fine.stdout.endswith("\nOK\n")
        late = run(auditor.folder, "status", "--state", auditor.state, "--stale", "0.0000001")
        assert late.returncode == 1
        assert "STOPPED" in late.stdout
        assert running.offer(log.grown(20, "right").request(20)).status == 422
        forked = run(auditor.folder, "status", "--state", auditor.state)
        assert forked.returncode == 1
        assert "FORK" in forked.stdout
    assert run(auditor.folder, "status", "--state", auditor.folder / "nowhere").returncode == 2


def test_two_witnesses_never_share_a_folder(auditor: Auditor, log: Log) -> None:
    words = ("serve", "--state", auditor.state, "--log", log.vkey, "--listen", "127.0.0.1:0")
    with auditor.serving(log.vkey):
        second = run(auditor.folder, *words)
        assert second.returncode == 2
        assert "Another witness works with" in second.stderr


def test_a_memory_that_was_damaged_or_lost_is_not_a_new_log(auditor: Auditor, log: Log) -> None:
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.request(0)).status == 200
    (state,) = (auditor.state / "logs").glob("*.json")
    right = state.read_bytes()
    words = ("serve", "--state", auditor.state, "--log", log.vkey, "--listen", "127.0.0.1:0")
    said = json.loads(right)
    forged = {**said, "note": said["note"].replace("\n10\n", "\n11\n")}
    for content in (b"", right[:100], json.dumps(forged).encode(), b"[]"):
        state.write_bytes(content)
        refused = run(auditor.folder, *words)
        assert refused.returncode == 2, content
        assert "can't be read" in refused.stderr
        assert run(auditor.folder, "status", "--state", auditor.state).returncode == 2
    state.unlink()
    refused = run(auditor.folder, *words)
    assert refused.returncode == 2
    assert "is missing, though" in refused.stderr
    state.write_bytes(right)
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.request(10)).status == 200


def test_a_state_from_a_backup_beside_a_newer_history_stops_the_start(
    auditor: Auditor, log: Log
) -> None:
    """Otherwise it would cosign another history from there."""
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.grown(30, "left").request(0, 10)).status == 200
        (state,) = (auditor.state / "logs").glob("*.json")
        old = state.read_bytes()
        assert running.offer(log.grown(30, "left").request(10, 30)).status == 200
    newest = state.read_bytes()
    state.write_bytes(old)
    words = ("serve", "--state", auditor.state, "--log", log.vkey, "--listen", "127.0.0.1:0")
    refused = run(auditor.folder, *words)
    assert refused.returncode == 2
    assert "says that size 30 was cosigned" in refused.stderr
    state.write_bytes(newest)
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.grown(30, "right").request(10, 30)).status == 409


def test_a_history_that_is_damaged_or_missing_stops_the_start(auditor: Auditor, log: Log) -> None:
    log = log.grown(40)
    with auditor.serving(log.vkey) as running:
        for old, size in ((0, 10), (10, 20), (20, 30)):
            assert running.offer(log.request(old, size)).status == 200
    (history,) = (auditor.state / "logs").glob("*.history")
    lines = history.read_bytes().splitlines(keepends=True)
    words = ("serve", "--state", auditor.state, "--log", log.vkey, "--listen", "127.0.0.1:0")
    swapped = [lines[1], lines[0], lines[2]]
    for content in ([lines[0], b"x" + lines[1][1:], lines[2]], swapped, [b"[]\n", *lines]):
        history.write_bytes(b"".join(content))
        refused = run(auditor.folder, *words)
        assert refused.returncode == 2, content
        assert "is damaged" in refused.stderr
    history.unlink()
    refused = run(auditor.folder, *words)
    assert refused.returncode == 2
    assert "is missing, though" in refused.stderr
    assert not history.exists()
    history.write_bytes(b"".join(lines))
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.request(30)).status == 200


def test_the_command_status_knows_a_log_of_which_nothing_came(auditor: Auditor, log: Log) -> None:
    def status(*more: str) -> str:
        return run(auditor.folder, "status", "--state", auditor.state, *more).stdout

    with auditor.serving(log.vkey):
        assert f"log {log.origin}: nothing cosigned yet" in status()
        assert "STOPPED" in status("--stale", "0.0000001")
    other = Log()
    with auditor.serving(replace(other, origin="other.example/ledger").vkey):
        assert f"log {log.origin}" not in status()
        assert "log other.example/ledger: nothing cosigned yet" in status()


def test_a_history_that_broke_off_goes_on(auditor: Auditor, log: Log) -> None:
    log = log.grown(40)
    with auditor.serving(log.vkey) as running:
        for old, size in ((0, 10), (10, 20)):
            assert running.offer(log.request(old, size)).status == 200
    (history,) = (auditor.state / "logs").glob("*.history")
    whole = history.read_bytes()
    history.write_bytes(whole[:-30])  # the machine stopped while it wrote the second line
    with auditor.serving(log.vkey) as running:
        assert history.read_bytes() == whole
        assert running.offer(log.request(20, 30)).status == 200
    assert [json.loads(line)["size"] for line in history.read_text().splitlines()] == [10, 20, 30]


def test_a_clock_that_was_set_back(auditor: Auditor, log: Log, tmp_path: Path) -> None:
    """It refuses rather than say that it knew less at a later time."""
    ahead = tmp_path / "ahead.py"
    text = the_file_alone(tmp_path).read_text("utf-8")
    assert "int(time.time())" in text
    ahead.write_text(text.replace("int(time.time())", "int(time.time()) + 3600"), "utf-8")
    with auditor.serving(log.vkey, program=ahead) as running:
        assert running.offer(log.request(0)).status == 200
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.grown(12).request(10)).status == 503
        assert "CLOCK" in alarms(running)


def test_a_clock_that_was_set_back_a_little(auditor: Auditor, log: Log, tmp_path: Path) -> None:
    ahead = tmp_path / "ahead.py"
    text = the_file_alone(tmp_path).read_text("utf-8")
    ahead.write_text(text.replace("int(time.time())", "int(time.time()) + 50"), "utf-8")
    with auditor.serving(log.vkey, program=ahead) as running:
        answer = running.offer(log.request(0))
        first = cosigned_at(answer.text, auditor.vkey, log.text(10))
    with auditor.serving(log.vkey) as running:
        grown = log.grown(12)
        answer = running.offer(grown.request(10))
        assert cosigned_at(answer.text, auditor.vkey, grown.text(12)) == first


def test_a_disk_that_refuses_loses_nothing(auditor: Auditor, log: Log) -> None:
    log = log.grown(30)
    logs = auditor.state / "logs"
    with auditor.serving(log.vkey) as running:
        assert running.offer(log.request(0, 10)).status == 200
        (state,) = logs.glob("*.json")
        in_the_way = state.with_name(f"{state.name}.new")
        in_the_way.mkdir()
        assert running.offer(log.request(10)).status == 503
        in_the_way.rmdir()
        assert running.offer(log.request(10)).status == 200


def test_options_that_do_not_fit(auditor: Auditor, log: Log, tmp_path: Path) -> None:
    begin = ("serve", "--state", auditor.state)
    for words, says in {
        (*begin, "--log", "nonsense"): "no verifier key",
        (*begin, "--log", auditor.vkey): "signature type",
        (*begin, "--log", log.vkey, "--alarm-post", "ftp://x"): "https://",
        (*begin, "--log", log.vkey, "--certificate", "x"): "need each other",
        (*begin, "--log", log.vkey, "--listen", "nowhere"): "can't be listened at",
        ("serve", "--state", tmp_path / "none", "--log", log.vkey): "has no key",
        ("key", "--state", tmp_path / "none", "--name", "a b"): "can't be a key's name",
        ("key", "--state", tmp_path / "none"): "The command key makes one",
    }.items():
        done = run(auditor.folder, *words)
        assert done.returncode == 2, words
        assert says in done.stderr, words
        assert "Traceback" not in done.stderr


def test_over_tls(auditor: Auditor, log: Log, authority: Authority) -> None:  # noqa: F811
    files = {"certificate": authority.server, "certificate_key": authority.key}
    with auditor.serving(log.vkey, **files) as running:
        assert running.address.startswith("https://")
        request = urllib.request.Request(f"{running.address}/add-checkpoint", log.request(0))
        trusting = ssl.create_default_context(cafile=str(authority.ca))
        with urllib.request.urlopen(request, context=trusting) as answer:
            cosigned_at(answer.read().decode(), auditor.vkey, log.text(10))
