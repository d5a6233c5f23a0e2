"""What docs/workflows.md needs before its commands, and the examples that are no commands: they run
against the same processes as the pages' commands (tests/api/test_docs.py)."""

import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.scxml.interpreter import Said, can_interpret, interpreting
from tests.support.demos import ROOT, until
from tests.support.simulators import Simulator

EXAMPLES = ROOT / "docs" / "examples"
PAGE = (ROOT / "docs" / "workflows.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8000"
CHATS = ("0001bQ1", "0001bQ2", "0001bQ3")
USER_DATA = {"IsOnline": "1", "ChatServerAppName": "chat-east", "FirstName": "Zoë"}

_CHATS = json.dumps(
    {
        "events": [
            {
                "type": "upsert",
                "occurred_at": "2026-01-31T12:00:00Z",
                "interaction": {"id": chat, "user_data": {**USER_DATA, "InteractionId": chat}},
            }
            for chat in CHATS
        ]
    }
)
# Goes on where docs/api.md ends, in its shell.
BEFORE = f"""
call "$AUTHOR" POST notices/ --data '{{"key": "agent-soon", "kind": "message", "title": "Soon"}}'
call "$AUTHOR" POST notices/agent-soon/versions/ --data '{{
  "default_locale": "en", "bodies": {{"en": "An agent will be with you shortly."}}
}}'
call "$AUTHOR" POST notices/agent-soon/versions/1/submit/
call "$APPROVER" POST notices/agent-soon/versions/1/approve/
call "$SETUP" POST interactions/events/ --data '{_CHATS}'
"""
AFTER = """
printf '\\nSTRATEGY=%s FEED=%s\\n' "$STRATEGY" "$SETUP"
"""


def check(output: str, server: str, simulator: Simulator) -> None:
    """After the pages' commands: their answers, and the examples in other languages."""
    found = dict(re.findall(r"(STRATEGY|FEED)=(\S+)", output))
    check_answers(output, simulator)
    if can_interpret():  # where not, tests/scxml says so
        check_scxml_send(server, found["STRATEGY"], simulator)
    if shutil.which("groovy"):  # where not, test_workflow_examples says so
        check_event_logger(server, found["FEED"], found["STRATEGY"])


def check_answers(output: str, simulator: Simulator) -> None:
    """Both calls have heard that it is delivered, and each chat has it once."""
    answers = [json.loads(line) for line in output.splitlines() if line.startswith('{"id":')]
    (answer,) = [one for one in answers if "deliveries" in one]
    assert answer["status"] == "finished"
    assert [delivery["status"] for delivery in answer["deliveries"]] == ["delivered"]
    assert "\ndelivered \n" in output
    assert [times_sent(simulator, chat) for chat in CHATS] == [1, 1, 0]


def times_sent(simulator: Simulator, chat: str) -> int:
    return [line["interaction_id"] for line in simulator.journalled()].count(chat)


def check_scxml_send(server: str, token: str, simulator: Simulator) -> None:
    """The strategy's <send> reaches the chat; after a failure it is sent again, and shown once."""
    with interpreting("workflow-send.scxml") as strategy:
        said = strategy.tell("placed.in.queue", {"InteractionId": CHATS[2]})
        assert http_processor(server, "no-such-token", said) == "error.communication"
        said = strategy.tell("error.communication")
        assert http_processor(server, token, said) == ""
        said = strategy.tell("error.communication")  # as if the answer had been lost
        assert http_processor(server, token, said) == ""
        assert strategy.tell("error.communication").states == ["untold"]
        assert strategy.tell("agent.found").states == ["talking"]
    until(lambda: times_sent(simulator, CHATS[2]))
    assert times_sent(simulator, CHATS[2]) == 1


def http_processor(server: str, token: str, said: Said) -> str:
    """What a platform does with a <send>: the event that it raises, if any."""
    (post,) = said.posts
    request = urllib.request.Request(
        post["target"].replace(ADDRESS, server),
        data=post["body"].encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return "error.communication"


def check_event_logger(server: str, feed: str, reader: str) -> None:
    """A chat's life in Event Logger's events, one of which the feed need not know, and one late."""
    user_data = {**USER_DATA, "InteractionId": "0001eL1"}
    known = {"Id": "0001eL1", "Mediatype": "chat", "TenantId": 101}
    events = [
        event_of(160, "00.100", **known, Queue="billing", UserData=user_data, IsOnline=1),
        event_of(999, "00.150", **known, Queue="nowhere"),
        event_of(132, "00.300", **known, AgentId="ann"),
        event_of(104, "00.200", **known, AgentId="bob"),
        event_of(177, "00.400", **known, State=3),
    ]
    said = run_event_logger_script(server, feed, events)
    assert (said["accepted"] + said["ignored"], said["rejected"]) == (4, [])
    chat = read(server, reader, "interactions/0001eL1/")
    names = ("media_type", "tenant_id", "queue", "agent", "state", "is_online")
    assert [chat[name] for name in names] == ["chat", 101, "billing", "ann", "handling", True]
    assert chat["user_data"] == user_data
    events = [event_of(133, "01.000", **known, AgentId="ann"), event_of(161, "02.000", **known)]
    assert run_event_logger_script(server, feed, events)["accepted"] == 2
    chat = read(server, reader, "interactions/0001eL1/")
    assert (chat["agent"], chat["is_online"]) == ("", False)


def event_of(id: int, second: str, **properties: Any) -> dict[str, Any]:
    return {"id": id, "at": f"2026-01-31T12:00:{second}Z", "properties": properties}


def read(server: str, token: str, path: str) -> Any:
    request = urllib.request.Request(
        f"{server}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def run_event_logger_script(server: str, token: str, events: list[dict[str, Any]]) -> Any:
    """What the feed said."""
    java = Path(shutil.which("java") or "").resolve().parents[1]
    done = subprocess.run(
        ["groovy", "-Dfile.encoding=UTF-8", str(EXAMPLES / "feed_event_logger.groovy")],
        input="".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events),
        env={
            **os.environ,
            "JAVA_HOME": str(java),
            "NOTICE_CONSOLE": server,
            "NOTICE_CONSOLE_TOKEN": token,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
