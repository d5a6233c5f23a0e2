"""docs/witness.md: what it promises of the program and of the console."""

import re
import shlex

import pytest

from console.audit import witness
from console.audit.witnessing import asking, quorum
from console.audit.witnessing.policy import parse_policy
from tests.audit.witness.logs import Log
from tests.audit.witness.programs import Auditor
from tests.audit.witness.test_policy import vkey
from tests.support.demos import ROOT

PAGE = (ROOT / "docs" / "witness.md").read_text("utf-8")
WORDS = " ".join(PAGE.split())


def options() -> set[str]:
    parser = witness._parser()
    (commands,) = [each for each in parser._actions if each.choices]
    serve = commands.choices["serve"]  # type: ignore[index]
    return {
        name
        for action in serve._actions
        for name in action.option_strings
        if name not in ("-h", "--help", "--state")
    }


def test_each_option_is_there_and_each_that_it_names() -> None:
    table = PAGE.partition("| option of `serve` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(--[a-z-]+)", table)) == options()


def test_each_alarm_is_explained() -> None:
    table = PAGE.partition("| alarm |")[2].partition("\n\n")[0]
    named = {name.lower() for name in re.findall(r"^\| `([A-Z]+)` \|", table, re.MULTILINE)}
    assert named == set(witness.WORDS)
    assert all(words.startswith(f"{kind.upper()}: ") for kind, words in witness.WORDS.items())


def test_its_figures_are_the_programs() -> None:
    for said in (
        f"at most {witness.MOST_BODY_BYTES // 1024} KB",
        f"{witness.HEAD_SECONDS} seconds for the head of a request and {witness.BODY_SECONDS} for",
        f"{witness.MOST_CLIENTS} connections",
        f"more than {witness.CLOCK_SECONDS} seconds behind",
        f"| `--stale MINUTES` | {witness.STALE_MINUTES} |",
        f"each for at most {asking.WHOLE_SECONDS} seconds",
        f"no quorum for {quorum.LATE_SECONDS // 60} minutes",
    ):
        assert said in WORDS, said
    assert (witness.RETRY_SECONDS, witness.AGAIN_SECONDS) == (60, 86_400)
    assert "told again every minute" in WORDS
    assert quorum.RECONFIRM_SECONDS == 600
    assert "again every ten minutes" in WORDS


def test_its_policy_is_one() -> None:
    block = PAGE.partition("       log console.example")[2].partition("\n\n")[0]
    text = re.sub(
        r"(\w+)\.example/witness\+…", lambda name: vkey(name[1]), f"log console.example{block}"
    )
    text = re.sub(r"console\.example/ledger\S+", vkey("console.example/ledger", 1), text)
    policy = parse_policy(re.sub(r"(?m)^ +", "", text).encode())
    assert policy.is_met({"auditor", "board"})
    assert not policy.is_met({"lawyer"})


@pytest.mark.processes
def test_its_commands_work(tmp_path) -> None:
    """As they stand there, but for places, and the key of a log that is there."""
    text = PAGE.replace("\\\n", " ")
    found = re.findall(r"^       (python3 .*)$", text, re.MULTILINE)
    key, serve = (shlex.split(command)[2:] for command in found)
    assert key == ["key", "--state", "/var/lib/witness", "--name", "auditor.example/witness"]
    assert serve[:3] == ["serve", "--state", "/var/lib/witness"]
    given = dict(zip(serve[3::2], serve[4::2], strict=True))
    assert set(given) == {"--listen", "--log", "--alarm-command"}
    auditor, log = Auditor(tmp_path, key[-1]), Log().grown(3)
    command = given["--alarm-command"]
    with auditor.serving(log.vkey, listen="127.0.0.1:0", alarm_command=command) as running:
        assert running.offer(log.request(0)).status == 200
        assert running.ask("/status").text.endswith("OK\n")
