"""The whole way by API alone: from a Chat Server's address to a send and its deliveries."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.accounts.models import Team, User
from console.audit.models import AuditEntry
from console.catalogue.models import NoticeVersion, VisibilityPreset
from console.interactions.models import ChatServer, Interaction
from console.sends.models import Delivery, Send
from tests.support.calling import Caller, error
from tests.support.factories import upsert

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
) -> None:
    make_notice("Hello {{ data.FirstName }}", key="greeting", nickname="Desk")
    make_interaction("a1")
    make_interaction("b1", user_data={"FirstName": ""})


def test_from_an_address_to_a_send(program: Callable[..., Caller]) -> None:
    admin, feed = program("admin"), program("feed", name="Strategy")
    author, approver = (
        program("catalogue", "approve", name="Author"),
        program("approve", name="Approver"),
    )
    sender = program("send", "read", name="Workflow")

    server = admin.post("chat-servers/", {"name": "chat-east", "url": "esp+json://127.0.0.1:9"})
    assert (server["health"], server["burst"], server["live_interactions"]) == ("untried", 150, 0)

    fed = feed.post("interactions/events/", {"events": [upsert("a1")]}, status=202)
    assert fed == {"accepted": 1, "ignored": 0, "rejected": []}
    chat = sender.get("interactions/a1/")
    assert (chat["chat_server"], chat["customer_name"]) == ("chat-east", "Zoë Martin")
    assert chat["user_data"]["InteractionId"] == "a1"

    notice = author.post("notices/", {"key": "delay", "kind": "message", "title": "Delay"})
    assert (notice["status"], notice["published_version"]) == ("draft", None)
    version = author.post(
        "notices/delay/versions/",
        {
            "default_locale": "en",
            "bodies": {"en": "Sorry, {{ data.FirstName }}.", "de": "Entschuldigung."},
            "nickname": "Desk",
            "message_type": "text/plain",
            "preset": "Staff only",
            "change_note": "First",
        },
    )
    assert (version["number"], version["status"], version["visibility"]) == (1, "draft", "INT")
    author.post("notices/delay/versions/1/submit/", status=200)
    own = author("POST", "notices/delay/versions/1/approve/")
    assert (own[0], own[1]["code"]) == (403, "own_work")
    done = approver.post("notices/delay/versions/1/approve/", status=200)
    assert (done["status"], done["author"], done["reviewer"]) == ("published", "Author", "Approver")
    assert sender.get("notices/delay/")["published_version"] == 1

    request = {"notice": "delay", "interactions": ["a1", "nobody"], "why": "Tests"}
    plan = sender.post("sends/", {**request, "dry_run": True}, status=200)
    assert plan["dry_run"] is True
    assert plan["counts"] == {"ready": 1, "not_allowed": 1}
    assert plan["targets"][0]["body"] == "Sorry, Zoë."
    assert plan["targets"][1]["reason"] == "not_allowed"
    assert not Send.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="send").exists()

    send = sender.post("sends/", request)
    assert (send["notice"], send["version"], send["visibility"]) == ("delay", 1, "INT")
    assert (send["status"], send["actor"], send["why"]) == ("running", "Workflow", "Tests")
    assert send["target"] == {"interactions": ["a1", "nobody"]}
    assert (send["counts"]["pending"], send["counts"]["skipped"]) == (1, 1)
    assert send["counts"]["total"] == 2

    deliveries = sender.get(f"sends/{send['id']}/deliveries/")["results"]
    assert [d["status"] for d in deliveries] == ["pending", "skipped"]
    assert (deliveries[0]["method"], deliveries[0]["chat_server"]) == ("Message", "chat-east")
    assert (deliveries[0]["body"], deliveries[0]["fault"]) == ("Sorry, Zoë.", None)
    skipped = sender.get(f"sends/{send['id']}/deliveries/?status=skipped")
    assert [d["interaction"] for d in skipped["results"]] == ["nobody"]
    history = sender.get("deliveries/?notice=delay&status=pending&q=zo%C3%AB")["results"]
    assert [d["interaction"] for d in history] == ["a1"]

    stopped = sender.post(f"sends/{send['id']}/cancel/", status=200)
    assert (stopped["status"], stopped["counts"]["cancelled"]) == ("cancelled", 1)
    again = sender("POST", f"sends/{send['id']}/cancel/")
    assert (again[0], again[1]["code"]) == (409, "send_over")


def test_a_send_by_filter(world: None, program: Callable[..., Caller]) -> None:
    sender = program("send")
    request = {"notice": "greeting", "filter": {"queue": "billing", "online": True}}
    plan = sender.post("sends/", {**request, "dry_run": True}, status=200)
    assert plan["counts"] == {"ready": 1, "unresolved_variable": 1}
    send = sender.post("sends/", request)
    assert send["target"] == {"filter": {"queue": "billing", "online": True}}
    both = sender("POST", "sends/", {**request, "interactions": ["a1"]})
    assert (both[0], both[1]["code"]) == (400, "no_targets")


def test_what_a_target_can_not_get_is_said_and_stops_no_other(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
    program: Callable[..., Caller],
) -> None:
    make_notice("Hello {{ data.FirstName }}", key="greeting")
    make_interaction("fine")
    make_interaction("offline", user_data={"IsOnline": "0"})
    make_interaction("over", type="stopped")
    make_interaction("nameless", user_data={"FirstName": ""})
    make_interaction("elsewhere", user_data={"ChatServerAppName": "chat-west"})
    make_interaction("nowhere", user_data={"ChatServerAppName": ""})
    make_interaction("long", user_data={"FirstName": "x" * 5000})
    ids = ["fine", "offline", "over", "nameless", "elsewhere", "nowhere", "long", "unknown", "fine"]
    sender = program("send")
    request = {"notice": "greeting", "interactions": ids, "dry_run": True}
    plan = sender.post("sends/", request, status=200)
    assert {target["interaction"]: target["reason"] for target in plan["targets"]} == {
        "fine": "",
        "offline": "offline",
        "over": "offline",
        "nameless": "unresolved_variable",
        "elsewhere": "unknown_chat_server",
        "nowhere": "unknown_chat_server",
        "long": "text_too_long",
        "unknown": "not_allowed",
    }
    assert all(target["detail"] for target in plan["targets"] if target["reason"])
    ChatServer.objects.update(enabled=False)
    plan = sender.post("sends/", request, status=200)
    assert plan["targets"][0]["reason"] == "chat_server_disabled"
    send = sender.post("sends/", {**request, "dry_run": False})
    assert (send["status"], send["counts"]["skipped"]) == ("finished", 8)


def test_a_chat_of_another_team_is_as_one_that_is_not_there(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
    team: Team,
    outsider: User,
    person: Callable[[User], Caller],
) -> None:
    make_notice("Hello", key="greeting")
    make_interaction("of-sales", queue="sales")
    call = person(outsider)
    request = {"notice": "greeting", "interactions": ["of-sales", "of-nobody"], "dry_run": True}
    hidden, missing = call.post("sends/", request, status=200)["targets"]
    assert (hidden["customer_name"], hidden["body"], hidden["chat_server"]) == ("", "", "")
    assert {**hidden, "interaction": ""} == {**missing, "interaction": ""}
    assert call("GET", "interactions/of-sales/")[0] == 404
    # For others there is no such team, as there is none that nobody knows.
    for name in ("Sales", "Nobodys"):
        refused = call.raw("GET", f"interactions/?team={name}")
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_audience")


def test_a_person_sees_their_own_sends(
    world: None,
    supervisor: User,
    outsider: User,
    auditor: User,
    person: Callable[[User], Caller],
) -> None:
    sue, otto, audrey = person(supervisor), person(outsider), person(auditor)
    send = sue.post("sends/", {"notice": "greeting", "interactions": ["a1"]})
    address = f"sends/{send['id']}/"
    assert sue.get(address) == send
    assert audrey.get(address) == send
    assert otto("GET", address)[0] == 404
    assert (sue.get("sends/")["count"], otto.get("sends/")["count"]) == (1, 0)
    assert len(sue.get("deliveries/")["results"]) == 1
    assert otto.get("deliveries/")["results"] == []
    assert otto("POST", f"{address}cancel/")[0] == 404
    assert audrey("POST", f"{address}cancel/")[0] == 403


# --- Visibility is narrowed, never widened -------------------------------------------------------

ORDER = ["ALL", "INT", "VIP"]


@pytest.mark.parametrize("approved", ORDER)
@pytest.mark.parametrize("wanted", [*ORDER, None])
def test_a_sender_may_narrow_and_not_widen(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
    program: Callable[..., Caller],
    approved: str,
    wanted: str | None,
) -> None:
    make_notice("Hello", key="greeting", visibility=approved)
    make_interaction("a1")
    request: dict[str, Any] = {"notice": "greeting", "interactions": ["a1"]}
    if wanted is not None:
        request["visibility"] = wanted
    for dry_run in (True, False):
        status, answer = program("send")("POST", "sends/", {**request, "dry_run": dry_run})
        if wanted is not None and ORDER.index(wanted) < ORDER.index(approved):
            assert (status, answer["code"]) == (422, "visibility_widened")
        else:
            assert answer["visibility"] == (wanted or approved)


def test_the_nickname_is_the_notices_unless_given(
    world: None, program: Callable[..., Caller]
) -> None:
    sender = program("send")
    request: dict[str, Any] = {"notice": "greeting", "interactions": ["a1"], "dry_run": True}
    VisibilityPreset.objects.create(
        name="Sue's", visibility="ALL", nickname="Sue", is_approved=True
    )
    for given, expected in (({}, "Desk"), ({"nickname": "Sue"}, "Sue")):
        plan = sender.post("sends/", {**request, **given}, status=200)
        assert plan["nickname"] == expected


# --- Lists ---------------------------------------------------------------------------------------


def test_lists_come_in_pages(
    make_interaction: Callable[..., Interaction], program: Callable[..., Caller]
) -> None:
    for number in range(5):
        make_interaction(f"chat{number}", received_at=f"2026-01-31T12:00:0{number}Z")
    reader = program("read")
    first = reader.get("interactions/?page_size=2")
    assert (first["count"], first["previous"]) == (5, None)
    assert [chat["id"] for chat in first["results"]] == ["chat0", "chat1"]
    seen = [chat["id"] for chat in first["results"]]
    following = first["next"]
    while following:
        page = reader.get(following.removeprefix("http://testserver"))
        seen += [chat["id"] for chat in page["results"]]
        following = page["next"]
    assert seen == [f"chat{number}" for number in range(5)]
    assert len(reader.get("interactions/?page_size=500")["results"]) == 5
    # Nobody gets another page than the one they think they asked for.
    for size in ("501", "100000", "0", "-1", "many", ""):
        error(reader.raw("GET", f"interactions/?page_size={size}"), 400, "invalid_filter")


def test_the_history_does_not_shift_under_its_reader(
    world: None, program: Callable[..., Caller]
) -> None:
    sender = program("send")
    for _ in range(3):
        sender.post("sends/", {"notice": "greeting", "interactions": ["a1"]})
    first = sender.get("deliveries/?page_size=2")
    assert len(first["results"]) == 2
    sender.post("sends/", {"notice": "greeting", "interactions": ["a1"]})
    second = sender.get(first["next"].removeprefix("http://testserver"))
    seen = [delivery["id"] for delivery in first["results"] + second["results"]]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 3


@pytest.mark.parametrize(
    "path", ["interactions/", "notices/", "sends/", "deliveries/", "chat-servers/", "presets/"]
)
def test_a_list_takes_the_same_queries_whatever_its_length(
    world: None,
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    almighty: Caller,
    path: str,
    django_assert_num_queries: Any,
) -> None:
    almighty.post("sends/", {"notice": "greeting", "interactions": ["a1"]})
    almighty.get(path)
    with CaptureQueriesContext(connection) as captured:
        almighty.get(path)
    few = len(captured)
    for number in range(5):
        make_interaction(f"more{number}", queue="sales")
        make_notice()
        almighty.post("sends/", {"notice": "greeting", "interactions": ["a1"]})
    with django_assert_num_queries(few):
        almighty.get(path)


# --- The rest of the catalogue -------------------------------------------------------------------


def test_a_version_is_rejected_with_a_reason(program: Callable[..., Caller]) -> None:
    author, approver = program("catalogue"), program("approve")
    author.post("notices/", {"key": "delay", "kind": "message", "title": "Delay"})
    draft = {"default_locale": "en", "bodies": {"en": "Sorry."}}
    author.post("notices/delay/versions/", draft)
    opened = author("POST", "notices/delay/versions/", draft)
    assert (opened[0], opened[1]["code"]) == (409, "version_open")
    author.post("notices/delay/versions/1/submit/", status=200)
    nothing = approver("POST", "notices/delay/versions/1/reject/", {"reason": " "})
    assert (nothing[0], nothing[1]["code"]) == (400, "reason_missing")
    approver.post("notices/delay/versions/1/reject/", {"reason": "Too short."}, status=200)
    version = author.get("notices/delay/versions/1/")
    assert (version["status"], version["reject_reason"]) == ("rejected", "Too short.")
    author.post("notices/delay/versions/", draft)
    listed = author.get("notices/delay/versions/")["results"]
    assert [(v["number"], v["status"]) for v in listed] == [(2, "draft"), (1, "rejected")]


def test_a_notice_changes_but_for_its_key_and_kind(
    team: Team, program: Callable[..., Caller]
) -> None:
    author, approver = program("catalogue"), program("approve")
    author.post(
        "notices/",
        {"key": "delay", "kind": "message", "title": "Delay", "category": "X", "team": "Sales"},
    )
    status, changed = author(
        "PATCH", "notices/delay/", {"title": "Late", "category": None, "team": None}
    )
    assert status == 200
    assert (changed["title"], changed["category"], changed["team"]) == ("Late", None, None)
    for field in ("key", "kind"):
        status, answer = author("PATCH", "notices/delay/", {field: "custom"})
        assert (status, field in answer["details"]) == (400, True)
    assert approver.post("notices/delay/retire/", status=200)["status"] == "retired"


def test_a_chat_server_is_changed(program: Callable[..., Caller]) -> None:
    admin = program("admin")
    admin.post("chat-servers/", {"name": "chat east", "url": "esp+json://h:1"})
    status, changed = admin(
        "PATCH", "chat-servers/chat%20east/", {"pace_per_second": 10, "enabled": False}
    )
    assert (status, changed["pace_per_second"], changed["enabled"]) == (200, 10.0, False)
    assert admin.get("chat-servers/chat%20east/") == changed


def test_the_trail_is_read_by_the_api(
    world: None, auditor: User, person: Callable[[User], Caller]
) -> None:
    audrey = person(auditor)
    entries = audrey.get("audit/entries/?target_kind=notice&target_ref=greeting")["results"]
    assert [entry["action"] for entry in entries] == ["notice.created"]
    assert len(entries[0]["hash"]) == 64
    everything = audrey.get("audit/entries/?page_size=2")
    assert len(everything["results"]) == 2
    assert everything["next"]


def test_deliveries_outlive_their_interactions(world: None, program: Callable[..., Caller]) -> None:
    sender = program("send")
    sender.post("sends/", {"notice": "greeting", "interactions": ["a1"]})
    Interaction.objects.all().delete()
    assert sender.get("deliveries/?interaction=a1")["results"][0]["customer_name"] == "Zoë Martin"
    assert Delivery.objects.count() == 1
