"""Policy files, as c2sp.org/tlog-policy has them: which are read, what they mean, which are not."""

import base64
import hashlib
from itertools import combinations
from pathlib import Path

import pytest

from console.audit.tlog.notes import parse_vkey
from console.audit.witnessing.policy import (
    BadPolicy,
    parse_policy,
    quorum_minutes,
    read_policy,
)


def vkey(name: str, kind: int = 4) -> str:
    """A key of its own for each name, made here by hand."""
    public = hashlib.sha256(name.encode()).digest()
    key = bytes([kind]) + public
    number = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex()
    return f"{name}+{number}+{base64.b64encode(key).decode()}"


LOG = f"log {vkey('log.example', 1)}"
X1, X2, X3, Y1, Y2, Y3 = (
    f"witness {name} {vkey(f'{name}.example')}" for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
)
# The specification's own example.
EXAMPLE = f"""{LOG}

{X1}
{X2}
{X3}
group X-witnesses 2 X1 X2 X3

{Y1}
{Y2}
{Y3}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def parse(*lines: str) -> object:
    return parse_policy("\n".join(lines).encode())


def test_the_specifications_example_means_what_it_says() -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert [key.vkey() for key in policy.logs] == [vkey("log.example", 1)]
    names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert list(policy.witnesses) == names
    for number in range(len(names) + 1):
        for chosen in combinations(names, number):
            xs, ys = [sum(name[0] == side for name in chosen) for side in "XY"]
            assert policy.is_met(set(chosen)) == (xs >= 2 and ys >= 1), chosen


def test_forms_that_are_allowed() -> None:
    policy = parse_policy(
        f"\t # a comment\n\n  {LOG} \thttps://log.example/a/ \n{X1}\thttps://x.example:8443/p/\n"
        f"{X2} http://127.0.0.1:80\n# Ünïcode\nquorum\tX1".encode()
    )
    assert policy.witnesses["X1"].url == "https://x.example:8443/p"
    assert policy.witnesses["X2"].url == "http://127.0.0.1:80"
    assert policy.is_met({"X1"})
    assert not policy.is_met({"X2"})


def test_a_quorum_of_none_needs_nobody() -> None:
    assert parse_policy(b"quorum none\n").is_met(set())


def test_names_are_octets() -> None:
    kelvin = "\u212a"
    policy = parse_policy(
        f"{X1.replace('X1', 'K', 1)}\n{X2.replace('X2', kelvin, 1)}\n".encode() + b"quorum K"
    )
    assert set(policy.witnesses) == {"K", kelvin}
    raw = X1.encode().replace(b"X1", b"\xff\xfe", 1)
    policy = parse_policy(raw + b"\nquorum \xff\xfe\n")
    (witness,) = policy.witnesses.values()
    assert policy.quorum == witness.name
    # On a page it is something that can be written.
    assert witness.shown == "\ufffd\ufffd"


def test_many_of_all() -> None:
    witnesses = [f"witness w{number} {vkey(f'w{number}')}" for number in range(64)]
    logs = [f"log {vkey(f'l{number}', 1)}" for number in range(64)]
    groups = [f"group g{number} any w{number}" for number in range(64)]
    names = " ".join(f"g{number}" for number in range(64))
    policy = parse_policy(
        "\n".join([*logs, *witnesses, *groups, f"group q 33 {names}", "quorum q"]).encode()
    )
    assert not policy.is_met({f"w{number}" for number in range(32)})
    assert policy.is_met({f"w{number}" for number in range(33)})


REFUSED = {
    "line 1: 'key'": ("key X", "quorum none"),
    "line 1: a log is": ("log", "quorum none"),
    "line 1: a witness is": ("witness X1", "quorum none"),
    "line 2: a quorum is": (X1, "quorum"),
    "one line of quorum": (X1,),
    "line 3: there is a line of quorum already": (X1, "quorum X1", "quorum none"),
    "line 1: no line before has a witness or a group named 'X1'": ("quorum X1", X1),
    "line 2: no line before": (X1, "group g any X1 X2", X2, "quorum g"),
    "line 2: no line before has a witness or a group named 'none'": (X1, "group g any X1 none"),
    "line 2: no line before has a witness or a group named 'g'": (X1, "group g any X1 g"),
    "line 2: the name 'X1' is taken": (X1, X2.replace("X2", "X1", 1), "quorum X1"),
    "line 1: the name 'none' is taken": (X1.replace("X1", "none", 1), "quorum none"),
    "line 4: the name 'g' is taken": (X1 + "\n" + X2, "group g any X1", "group g any X2"),
    "line 3: 'X1' is a member already": (X1 + "\n" + X2, "group g any X1 X1", "quorum g"),
    "line 4: 'X1' is a member already": (X1, X2, "group g any X1", "group h any X1 X2"),
    "line 2: '2' is none of": (X1, "group g 2 X1", "quorum g"),
    "line 2: '0' is none of": (X1, "group g 0 X1", "quorum g"),
    "line 2: '01' is none of": (X1, "group g 01 X1", "quorum g"),
    "line 2: '-1' is none of": (X1, "group g -1 X1", "quorum g"),
    "line 2: '\u0661' is none of": (X1, "group g \u0661 X1", "quorum g"),
    "line 2: a group is": (X1, "group g any", "quorum g"),
    "line 2: the public key": (X1, "witness other " + X1.split()[2], "quorum X1"),
    "line 2: the public key of": (LOG, LOG, "quorum none"),
    "is not a key of a witness": (LOG.replace("log", "witness X1", 1), "quorum X1"),
    "is not a key of a log": (X1.replace("witness X1", "log"), "quorum none"),
    "line 1: 'nonsense' is not a verifier key": ("witness X1 nonsense", "quorum X1"),
    "line 1: 'ftp://x' is no address": (X1 + " ftp://x", "quorum X1"),
    "line 1: 'https://' is no address": (X1 + " https://", "quorum X1"),
    "line 1: 'https://x:y/' is no address": (X1 + " https://x:y/", "quorum X1"),
    "line 1: 'https://x/?a=b' is no address": (X1 + " https://x/?a=b", "quorum X1"),
    "line 2: the byte 0x0d": (X1, "quorum X1\r"),
    "line 1: the byte 0x00": ("\0", "quorum none"),
    "line 1: the byte 0x7f": ("\x7f", "quorum none"),
}


@pytest.mark.parametrize("says", REFUSED)
def test_lines_that_are_refused_are_named(says: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        parse(*REFUSED[says])
    assert says in str(refused.value)


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(BadPolicy, match="at most"):
        parse_policy(b"#" * 300_000)


def test_as_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "policy"
    file.write_text(EXAMPLE)
    found = read_policy(str(file))
    assert found is not None
    assert found.quorum == "X-and-Y"
    file.write_text("quorum nobody")
    with pytest.raises(ValueError, match="line 1: no line before"):
        read_policy(str(file))
    with pytest.raises(ValueError, match="can be read"):
        read_policy(str(tmp_path / "none"))


def test_minutes_as_a_setting() -> None:
    assert [quorum_minutes(text) for text in ("0", "10", "1440")] == [0, 10, 1440]
    for text in ("9", "-1", "1441", "x", "1.5", ""):
        with pytest.raises(ValueError, match="whole number of minutes"):
            quorum_minutes(text)


def test_keys_of_this_test_are_keys() -> None:
    assert parse_vkey(vkey("a")).vkey() == vkey("a")
