"""docs/siem.md: its examples are what leaves, and its tables are the code's."""

import re
from collections import defaultdict

from console.audit.siem import cef, links, message, ocsf, positions, reading, syslog
from console.audit.siem.events import MEANINGS, Outcome, Severity
from console.audit.siem.settings import DESTINATIONS_MOST
from tests.audit.siem.test_formats import message as made_up
from tests.support.demos import ROOT

PAGE = (ROOT / "docs" / "siem.md").read_text("utf-8")
RUNNING = " ".join(PAGE.split())


def example() -> message.Message:
    return made_up(
        actor_ref="system:sign-in",
        actor_name="Notice Console (sign-in)",
        hash="5d1c…",
        prev_hash="80fe…",
    )


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.+?)\n```$", PAGE, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The rows of the table that begins with this heading."""
    table = PAGE.partition(f"\n{heading}")[2].partition("\n\n")[0]
    return [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]


def actions(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+\.[a-z_]+)`", text))


def test_the_examples_are_what_leaves() -> None:
    said = example()
    assert blocks("json") == [ocsf.ocsf(said, "0.2.0").decode()]
    line = syslog.syslog(said, cef.cef(said, "0.2.0"), host="worker-1", version="0.2.0")
    assert blocks("text") == [line.decode()]


def test_the_table_of_classes_is_the_codes() -> None:
    wanted = defaultdict(set)
    for action, meaning in MEANINGS.items():
        kind, number = meaning.event_class, meaning.activity
        wanted[f"{kind.name} ({kind.uid})", f"{meaning.activity_name} ({number})"].add(action)
    found = rows("| class | activity | actions |")
    assert {(kind, activity): actions(some) for kind, activity, some in found} == wanted


def test_the_table_of_severities_is_the_codes() -> None:
    *some, last = rows("| severity | in CEF | in syslog | actions |")
    assert last == ["Informational (1)", "1", "6", "all others"]
    assert len(some) == len(Severity) - 1
    for name, of_cef, of_syslog, listed in some:
        severity = Severity[name.partition(" ")[0].upper()]
        assert name == f"{ocsf.SEVERITIES[severity]} ({severity})"
        assert (int(of_cef), int(of_syslog)) == (
            cef.SEVERITIES[severity],
            syslog.SEVERITIES[severity],
        )
        wanted = {action for action, each in MEANINGS.items() if each.severity == severity}
        assert actions(listed) == wanted


def test_the_failures_are_the_codes() -> None:
    told = RUNNING.partition("Failures have the status")[2]
    failures, _more, rest = told.partition(". `deliveries.unknown` has Unknown")
    assert rest
    of_code = {action for action, each in MEANINGS.items() if each.outcome == Outcome.FAILURE}
    assert actions(failures) == {*of_code, reading.GAP}
    unknown = [action for action, each in MEANINGS.items() if each.outcome == Outcome.UNKNOWN]
    assert unknown == ["deliveries.unknown"]
    assert (reading.LOST.outcome, reading.LOST.severity) == (Outcome.FAILURE, Severity.HIGH)


def test_what_stays_is_the_codes() -> None:
    *named, large = rows("| not sent | why |")
    assert [name.strip("`") for name, _why in named] == list(message.KEPT_BACK)
    said = " ".join(large)
    for number in (message.FIELD_BYTES, message.DATA_BYTES, message.MESSAGE_BYTES):
        assert f"{number:,} bytes" in said or f"than {number:,}" in said


def test_the_figures_are_the_codes() -> None:
    assert f"a batch of at most {reading.MESSAGES_AT_ONCE} events" in RUNNING
    assert f"a batch within {links.SEND_SECONDS:.0f} s" in RUNNING
    *first, last = positions.RETRIES
    assert f"for {', '.join(map(str, first))}, then {last} seconds" in RUNNING
    assert positions.RETRY_MOST == links.RETRY_AFTER_MOST == 3600  # "one hour at most"
    assert links.CLOSE_SECONDS == 2  # "waits two seconds"
    assert positions.LEASE.total_seconds() == 120  # "after two minutes"
    assert DESTINATIONS_MOST == 3  # "Up to three receivers"
    assert ocsf.VERSION in RUNNING


def test_the_fields_are_those_of_the_example() -> None:
    text = ocsf.ocsf(example(), "0.2.0").decode() + cef.cef(example(), "0.2.0").decode()
    absent = {"c6a1", "cs6", "entity", "is_truncated", "left_out", "cs"}
    for row in rows("| | OCSF | CEF |"):
        for path in re.findall(r"`([a-z0-9_.A-Z]+)`", " ".join(row[1:])):
            name = path.rpartition(".")[2]
            assert name in absent or f'"{name}":' in text or f"{name}=" in text, path
