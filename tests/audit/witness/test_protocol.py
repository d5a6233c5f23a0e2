"""A witness over TCP, as C2SP's tlog-witness has it: what it cosigns, and how it refuses."""

import base64
import hashlib
import itertools
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.audit import witness
from tests.audit.witness.logs import Log, base, cosigned_at, proof, root
from tests.audit.witness.programs import NAME, Auditor, Running, run

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    return Auditor(tmp_path_factory.mktemp("auditor"))


@pytest.fixture(scope="module")
def many() -> dict[str, Log]:
    """A log for each test, so that all can ask one witness."""
    return {name: Log(origin=f"console.example/{name}") for name in LOGS}


LOGS = [*map(str, range(40))]


@pytest.fixture(scope="module")
def serving(auditor: Auditor, many: dict[str, Log]):
    vkeys = [log.vkey for log in many.values()]
    with auditor.serving(*vkeys) as running:
        yield running


@pytest.fixture(scope="module")
def _next(many: dict[str, Log]):
    return iter(many.values())


@pytest.fixture
def log(_next) -> Log:
    return next(_next)


def test_the_verifier_key_is_of_a_cosigner(auditor: Auditor) -> None:
    name, number, material = auditor.vkey.split("+", 2)
    raw = base64.b64decode(material)
    assert (name, raw[0], len(raw)) == (NAME, 4, 33)
    assert hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == number
    assert run(auditor.folder, "key", "--state", auditor.state).stdout.strip() == auditor.vkey
    assert (auditor.state / "key").stat().st_mode & 0o077 == 0
    again = run(auditor.folder, "key", "--state", auditor.state, "--name", "another.example")
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_growing_log_is_cosigned(auditor: Auditor, serving: Running, log: Log) -> None:
    known, began = 0, int(time.time())
    for size in (0, 1, 2, 3, 7, 8, 8, 13, 64, 65, 200):
        log = log.grown(size)
        answer = serving.offer(log.request(known))
        assert answer.status == 200, (size, answer)
        at = cosigned_at(answer.text, auditor.vkey, log.text(size))
        assert began <= at <= time.time()
        known = size
        path = f"/{hashlib.sha256(log.origin.encode()).hexdigest()}/checkpoint"
        served = serving.ask(path)
        assert served.status == 200
        assert served.text == log.note() + answer.text


def test_it_says_what_it_had_last(serving: Running, log: Log) -> None:
    log = log.grown(9)
    assert serving.offer(log.request(0, 5)).status == 200
    for old, size in ((0, 9), (4, 9), (7, 9), (0, 5), (3, 4)):
        answer = serving.offer(log.request(old, size))
        assert answer == (409, "5\n", "text/x.tlog.size"), (old, size)
    assert serving.offer(log.request(5)).status == 200


def test_nothing_cosigned_yet(serving: Running, log: Log) -> None:
    assert serving.ask(f"/{hashlib.sha256(log.origin.encode()).hexdigest()}/checkpoint")[0] == 404
    assert serving.offer(log.grown(5).request(3)) == (409, "0\n", "text/x.tlog.size")


def test_an_unknown_log_and_an_unknown_key(serving: Running, log: Log) -> None:
    assert serving.offer(Log([b"x"], "elsewhere.example/log").request(0)).status == 404
    # The right name, another key: its signature is of nobody that is known.
    assert serving.offer(Log([b"x"], log.origin).request(0)).status == 403


def test_a_signature_that_does_not_fit(serving: Running, log: Log) -> None:
    log = log.grown(3)
    other = log.note(text=log.text(2))
    _text, _, signature = other.rpartition("\n\n")
    assert serving.offer(f"old 0\n\n{log.text(3)}\n{signature}".encode()).status == 403
    # Beside one that fits: such a note is malformed.
    assert serving.offer(log.request(0) + signature.encode()).status == 403


def test_signatures_of_others_are_ignored(auditor: Auditor, serving: Running, log: Log) -> None:
    log = log.grown(3)
    others = "".join(f"— other.example/{number} {base(bytes(2424))}\n" for number in range(16))
    answer = serving.offer(log.request(0) + others.encode())
    assert answer.status == 200
    cosigned_at(answer.text, auditor.vkey, log.text(3))


def test_extension_lines_are_cosigned(auditor: Auditor, serving: Running, log: Log) -> None:
    log = log.grown(3)
    text = f"{log.text(3)}one more line\n"
    answer = serving.offer(f"old 0\n\n{log.note(text=text)}".encode())
    cosigned_at(answer.text, auditor.vkey, text)


def test_an_old_size_above_the_new_one(serving: Running, log: Log) -> None:
    log = log.grown(9)
    assert serving.offer(log.request(0)).status == 200
    assert serving.offer(f"old 9\n\n{log.note(5)}".encode()).status == 400


def test_proofs_that_prove_nothing(auditor: Auditor, serving: Running, log: Log) -> None:
    log = log.grown(21)
    assert serving.offer(log.request(0, 6)).status == 200
    right = [base(each) for each in proof(6, log.leaves)]
    wrong = [[], right[:-1], right[1:], [*right, right[0]], right[::-1], [base(bytes(32))] * 3]
    for lines in wrong:
        body = "\n".join(["old 6", *lines, "", log.note()]).encode()
        assert serving.offer(body).status == 422, lines
    same = "\n".join(["old 6", right[0], "", log.note(6)]).encode()
    assert serving.offer(same).status == 422
    assert serving.offer(log.request(6)).status == 200


def test_a_first_proof_must_be_empty(serving: Running, log: Log) -> None:
    log = log.grown(2)
    body = "\n".join(["old 0", base(bytes(32)), "", log.note()]).encode()
    assert serving.offer(body).status == 422
    assert serving.offer(log.request(0)).status == 200


def test_an_empty_tree_has_one_root(serving: Running, log: Log) -> None:
    text = f"{log.origin}\n0\n{base(bytes(32))}\n"
    assert serving.offer(f"old 0\n\n{log.note(text=text)}".encode()).status == 422


NOTE = Log([b"x"]).note()
MALFORMED = {
    "nothing": b"",
    "no old size": NOTE.encode(),
    "no empty line": b"old 0\n" + NOTE.encode().replace(b"\n\n", b"\n"),
    "a leading zero": f"old 01\n\n{NOTE}".encode(),
    "a sign": f"old +1\n\n{NOTE}".encode(),
    "digits of others": f"old ١\n\n{NOTE}".encode(),
    "a size without end": f"old {'9' * 30}\n\n{NOTE}".encode(),
    "no base64": f"old 1\nnot base64!\n\n{NOTE}".encode(),
    "a short hash": f"old 1\n{base(bytes(31))}\n\n{NOTE}".encode(),
    "another form of base64": f"old 1\n{base(bytes(32))[:-2]}B=\n\n{NOTE}".encode(),
    "too long a proof": b"old 1\n" + f"{base(bytes(32))}\n".encode() * 64 + f"\n{NOTE}".encode(),
    "no signature": f"old 0\n\n{NOTE.partition(chr(10) * 2)[0]}\n\n".encode(),
    "no text": b"old 0\n\n\n\n",
    "two lines": f"old 0\n\n{NOTE.replace('1', '', 1)}".encode(),
    "a control character": f"old 0\n\n{NOTE}".replace("ledger", "led\tger").encode(),
    "a carriage return": f"old 0\r\n\r\n{NOTE}".encode(),
    "no UTF-8": f"old 0\n\n{NOTE}".encode() + b"\xff",
    "no dash": f"old 0\n\n{NOTE.replace('—', '-')}".encode(),
    "no end": f"old 0\n\n{NOTE}".encode()[:-1],
    "a root of 31 bytes": f"old 0\n\n{NOTE}".replace(
        base(root([b"x"])), base(root([b"x"])[:31])
    ).encode(),
    "too many signatures": f"old 0\n\n{NOTE}".encode() + f"— a {base(bytes(9))}\n".encode() * 100,
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_requests(serving: Running, what: str) -> None:
    assert serving.offer(MALFORMED[what]).status == 400


def test_many_at_once_make_one_history(auditor: Auditor, serving: Running, log: Log) -> None:
    """Two histories race for a witness from many connections: one of them wins, whole."""
    sides = [log.grown(30, "left"), log.grown(30, "right")]
    orders = [(side, size) for size in range(1, 31) for side in sides] * 4

    def offered(order: tuple[Log, int]) -> tuple[Log, int] | None:
        side, size = order
        for _attempt in range(3):
            answer = serving.offer(side.request(0, size))
            if answer.status == 409 and int(answer.text) <= size:
                answer = serving.offer(side.request(int(answer.text), size))
            if answer.status == 200:
                cosigned_at(answer.text, auditor.vkey, side.text(size))
                return order
        return None

    with ThreadPoolExecutor(16) as pool:
        cosigned = [each for each in pool.map(offered, orders) if each]
    assert {size for _side, size in cosigned}
    assert len({side.leaves[0] for side, _size in cosigned}) == 1


# --- HTTP --------------------------------------------------------------------------------------


def spoken(serving: Running, sent: bytes, *, ends: bool = False) -> bytes:
    with socket.create_connection(serving.place, timeout=30) as line:
        line.sendall(sent)
        if ends:
            line.shutdown(socket.SHUT_WR)
        said = b""
        while part := line.recv(65536):
            said += part
        return said


POST = b"POST /add-checkpoint HTTP/1.1\r\nHost: witness\r\n"
REFUSED_HEADS = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "a header without a colon": (b"GET /status HTTP/1.1\r\nx\r\n\r\n", 400),
    "a folded header": (b"GET /status HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "no length": (POST + b"\r\n", 411),
    "no number": (POST + b"Content-Length: -1\r\n\r\n", 411),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "both": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 411),
    "too large a body": (POST + b"Content-Length: 10000000000\r\n\r\n", 413),
    "too large a head": (POST + b"A: " + b"x" * 20_000 + b"\r\n\r\n", 431),
}


@pytest.mark.parametrize("what", REFUSED_HEADS)
def test_heads_that_are_refused(serving: Running, what: str) -> None:
    sent, status = REFUSED_HEADS[what]
    assert spoken(serving, sent).startswith(f"HTTP/1.1 {status} ".encode())


def test_the_largest_body_is_read_and_a_larger_one_is_not(serving: Running) -> None:
    assert serving.offer(b"x" * witness.MOST_BODY_BYTES).status == 400
    sent = POST + f"Content-Length: {witness.MOST_BODY_BYTES + 1}\r\n\r\n".encode()
    assert spoken(serving, sent).startswith(b"HTTP/1.1 413 ")


def test_a_connection_stays_open(serving: Running, log: Log) -> None:
    log = log.grown(5)
    with socket.create_connection(serving.place, timeout=30) as line:
        for old, size in ((0, 2), (2, 5)):
            body = log.request(old, size)
            line.sendall(POST + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert line.recv(65536).startswith(b"HTTP/1.1 200 OK")
    # Both in one piece, the second as HTTP/1.0: it is the last one.
    body = log.request(5)
    one = POST + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    said = spoken(serving, one + b"GET /status HTTP/1.0\r\n\r\n")
    assert said.count(b"HTTP/1.1 ") == 2


def test_other_methods_and_paths(serving: Running) -> None:
    assert serving.ask("/add-checkpoint").status == 405
    assert serving.ask("/status", b"x").status == 405
    assert serving.ask("/").status == 404
    assert serving.ask(f"/{'0' * 64}/checkpoint").status == 404


def test_slow_clients_hold_nobody_up(tmp_path: Path) -> None:
    """Ones that send nothing, half a head, or half a body, are dropped; others are served."""
    log = Log().grown(3)
    impatient = tmp_path / "impatient.py"
    text = Path(witness.__file__).read_text("utf-8")
    times = "HEAD_SECONDS, BODY_SECONDS, ANSWER_SECONDS = 15, 10, 10"
    assert times in text
    impatient.write_text(text.replace(times, times.replace("15, 10, 10", "2, 1, 1")), "utf-8")
    auditor = Auditor(tmp_path / "auditor")
    with auditor.serving(log.vkey, program=impatient) as running:
        starts = [b"", b"POST /add-ch", POST + b"Content-Length: 100\r\n\r\nold"]
        lines = [socket.create_connection(running.place, timeout=30) for _ in range(90)]
        for line, start in zip(lines, itertools.cycle(starts), strict=False):
            line.sendall(start)
        assert running.offer(log.request(0)).status == 200
        for line in lines:
            assert line.recv(10) == b""
            line.close()
        assert running.offer(log.request(3)).status == 200


def test_too_many_connections_are_refused(tmp_path: Path) -> None:
    log = Log().grown(3)
    auditor = Auditor(tmp_path)
    with auditor.serving(log.vkey) as running:
        lines = [
            socket.create_connection(running.place, timeout=30)
            for _ in range(witness.MOST_CLIENTS + 1)
        ]
        assert lines[-1].recv(100).startswith(b"HTTP/1.1 503 ")
        for line in lines:
            line.close()


# --- The form of notes, by vectors of the specification -------------------------------------------


def test_the_specifications_own_signed_note() -> None:
    vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    key = witness.key_of(vkey, witness.ED25519)
    assert key.vkey == vkey
    line = (
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1"
        "Yu72IneyaQM="
    )
    raw = base64.b64decode(line)
    assert raw[:4] == key.id
    assert key.verify(raw[4:], b"This is an example message.\n")
    assert not key.verify(raw[4:], b"This is another message.\n")


def test_keys_that_are_none() -> None:
    right = Log().vkey
    name, number, material = right.split("+", 2)
    wrong = ["", name, f"{name}+{number}", f"+{number}+{material}", f"{name}+00000000+{material}"]
    wrong += [f"{name}+{number}+{material[:-4]}", f"a b+{number}+{material}"]
    for vkey in wrong:
        with pytest.raises(ValueError, match=r"verifier key|damaged"):
            witness.key_of(vkey, witness.ED25519)
    with pytest.raises(ValueError, match="signature type"):
        witness.key_of(right, witness.COSIGNATURE)


def test_each_proof_of_small_trees_and_none_that_is_changed() -> None:
    leaves = [bytes([number]) for number in range(20)]
    for new in range(1, 21):
        for old in range(new + 1):
            right = proof(old, leaves[:new])
            roots = root(leaves[:old]), root(leaves[:new])
            assert witness.is_consistent(old, roots[0], new, roots[1], right), (old, new)
            if not 0 < old < new:
                continue
            for place in range(len(right)):
                changed = [*right]
                changed[place] = bytes(32)
                assert not witness.is_consistent(old, roots[0], new, roots[1], changed)
            assert not witness.is_consistent(old, bytes(32), new, roots[1], right)
            assert not witness.is_consistent(old, roots[0], new, bytes(32), right)
            assert not witness.is_consistent(old, roots[0], new, roots[1], right[:-1])
