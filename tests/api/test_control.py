"""Sends under control, by API: pause and stop, approval, schedule, retry, the switch for all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer, Interaction
from console.sends.models import Delivery, Outbox, Send, SendStatus
from console.sends.plan.contact_settings import contact_budget
from tests.support.calling import Caller, error

REQUEST = {"notice": "greeting", "interactions": ["a1", "b1"]}
pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def world(
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
) -> None:
    make_notice("Hello", key="greeting")
    make_interaction("a1")
    make_interaction("b1")


@pytest.fixture
def sender(program: Callable[..., Caller]) -> Caller:
    return program("send", name="Workflow")


@pytest.fixture
def admin(program: Callable[..., Caller]) -> Caller:
    return program("admin", name="Operations")


@pytest.fixture
def decider(approver: User, person: Callable[[User], Caller]) -> Caller:
    """Anna: no scope approves sends, only people do."""
    return person(approver)


def end(send: dict[str, Any], status: str) -> None:
    now = timezone.now()
    Delivery.objects.filter(send=send["id"]).update(
        status=status, attempts=1, attempted_at=now, finished_at=now
    )
    Outbox.objects.filter(send=send["id"]).delete()
    Send.objects.filter(pk=send["id"]).update(status=SendStatus.FINISHED, finished_at=now)


# --- Pause, resume, stop -------------------------------------------------------------------------


def test_pause_resume_and_stop(sender: Caller) -> None:
    address = f"sends/{sender.post('sends/', REQUEST)['id']}/"
    assert sender.post(f"{address}pause/", status=200)["status"] == "paused"
    error(sender.raw("POST", f"{address}pause/"), 409, "send_not_running")
    assert sender.post(f"{address}resume/", status=200)["status"] == "running"
    error(sender.raw("POST", f"{address}resume/"), 409, "send_not_paused")
    stopped = sender.post(f"{address}cancel/", status=200)
    assert (stopped["status"], stopped["ended_by"]) == ("cancelled", "Workflow")
    assert stopped["counts"]["cancelled"] == 2
    for action in ("pause", "resume", "cancel"):
        assert sender("POST", f"{address}{action}/")[0] == 409


def test_an_administrator_stops_what_somebody_else_sent(sender: Caller, admin: Caller) -> None:
    send = sender.post("sends/", REQUEST)
    assert [row["id"] for row in admin.get("sends/?status=running")["results"]] == [send["id"]]
    stopped = admin.post(f"sends/{send['id']}/cancel/", status=200)
    assert (stopped["actor"], stopped["ended_by"]) == ("Workflow", "Operations")
    assert admin.get(f"sends/{send['id']}/deliveries/")["results"] == []
    assert admin.get("sends/?status=running")["results"] == []
    error(admin.raw("GET", "sends/?status=over"), 400, "invalid_filter")


def test_an_administrator_does_not_read_what_the_sender_filled_in(
    make_notice: Callable[..., NoticeVersion],
    program: Callable[..., Caller],
    sender: Caller,
    admin: Caller,
) -> None:
    make_notice("Your loan of {{ field.amount }}", key="loan", fields=[{"name": "amount"}])
    words = {"fields": {"amount": "5000"}, "why": "Case 4711"}
    request = {**REQUEST, "notice": "loan", **words}
    asked = {**words, "target": {"interactions": ["a1", "b1"]}}
    empty = {"fields": {}, "why": "", "target": {}}

    def said(answer: dict[str, Any]) -> dict[str, Any]:
        return {name: answer[name] for name in asked}

    send = sender.post("sends/", request)
    address = f"sends/{send['id']}/"
    assert said(send) == said(sender.get(address)) == asked
    assert said(admin.get(address)) == said(admin.get("sends/")["results"][0]) == empty
    assert said(admin.post(f"{address}pause/", status=200)) == empty
    assert said(sender.post(f"{address}resume/", status=200)) == asked
    assert said(program("admin", "read").get(address)) == asked
    own = program("admin", "send").post("sends/", {**request, "allow_repeat": True})
    assert said(own) == asked


def test_somebody_elses_send_is_not_there(sender: Caller, program: Callable[..., Caller]) -> None:
    send = sender.post("sends/", REQUEST)
    other = program("send")
    for action in ("pause", "resume", "cancel", "reschedule", "retry-failed", "retry-unknown"):
        error(other.raw("POST", f"sends/{send['id']}/{action}/"), 404, "send_not_found")


# --- Approval ------------------------------------------------------------------------------------


def test_a_large_send_is_approved(sender: Caller, decider: Caller, settings: Any) -> None:
    settings.APPROVAL_ABOVE = 1
    plan = sender.post("sends/", {**REQUEST, "dry_run": True}, status=200)
    assert plan["needs_approval"] is True
    send = sender.post("sends/", REQUEST)
    assert (send["status"], send["ready_count"]) == ("awaiting_approval", 2)
    (waiting,) = decider.get("sends/?status=awaiting_approval")["results"]
    assert waiting["id"] == send["id"]
    rows = decider.get(f"sends/{send['id']}/deliveries/")["results"]
    assert [row["body"] for row in rows] == ["Hello", "Hello"]
    approved = decider.post(f"sends/{send['id']}/approve/", status=200)
    assert (approved["status"], approved["approved_by"]) == ("running", "Anna")
    assert approved["approved_at"]
    error(decider.raw("POST", f"sends/{send['id']}/approve/"), 409, "not_awaiting_approval")


def test_a_rejected_send_says_why(sender: Caller, decider: Caller, settings: Any) -> None:
    settings.APPROVAL_ABOVE = 1
    address = f"sends/{sender.post('sends/', REQUEST)['id']}/"
    error(decider.raw("POST", f"{address}reject/", {"reason": " "}), 400, "reason_missing")
    error(decider.raw("POST", f"{address}reject/", {}), 400, "invalid_input")
    rejected = decider.post(f"{address}reject/", {"reason": "Too many"}, status=200)
    assert (rejected["status"], rejected["end_note"]) == ("cancelled", "Too many")
    assert sender.get(address)["ended_by"] == "Anna"


def test_no_program_approves(sender: Caller, program: Callable[..., Caller], settings: Any) -> None:
    settings.APPROVAL_ABOVE = 1
    send = sender.post("sends/", REQUEST)
    almighty = program()
    error(almighty.raw("POST", f"sends/{send['id']}/approve/"), 403, "permission_refused")


# --- Schedule ------------------------------------------------------------------------------------


def ahead(**span: float) -> str:
    return (timezone.now() + timedelta(**span)).isoformat()


def test_a_local_time_is_in_its_zone(sender: Caller) -> None:
    day = (timezone.now() + timedelta(days=2)).date()
    send = sender.post(
        "sends/",
        {**REQUEST, "scheduled_at": f"{day}T09:00:00", "time_zone": "Asia/Kolkata"},
    )
    assert send["status"] == "scheduled"
    assert send["time_zone"] == "Asia/Kolkata"
    assert parse_datetime(send["scheduled_at"]) == parse_datetime(f"{day}T09:00:00+05:30")
    assert send["release_at"] == send["scheduled_at"]


@pytest.mark.parametrize(
    ("at", "zone", "code"),
    [
        ("2027-03-28T02:30:00", "Europe/Berlin", "time_does_not_exist"),
        ("2027-10-31T02:30:00", "Europe/Berlin", "time_exists_twice"),
        ("2027-03-27T02:30:00", "Mars/Olympus", "unknown_time_zone"),
        ("2027-03-27T02:30:00Z", "Mars/Olympus", "unknown_time_zone"),
        ("2027-03-27T02:30:00", None, "time_zone_missing"),
        ("2020-01-01T00:00:00Z", None, "scheduled_in_the_past"),
        ("2027-03-27T02:30:00Z", "", "invalid_input"),
        ("9999-12-31T23:59:59", "America/New_York", "scheduled_too_late"),
        ("0001-01-01T00:00:00", "Asia/Tokyo", "scheduled_in_the_past"),
        ("soon", "UTC", "invalid_input"),
    ],
)
def test_a_time_that_is_none(sender: Caller, at: str, zone: str | None, code: str) -> None:
    time = {"scheduled_at": at, **({} if zone is None else {"time_zone": zone})}
    error(sender.raw("POST", "sends/", {**REQUEST, **time}), 400, code)
    assert not Send.objects.exists()
    send = sender.post("sends/", {**REQUEST, "scheduled_at": ahead(hours=1)})
    error(sender.raw("POST", f"sends/{send['id']}/reschedule/", time), 400, code)


def test_another_time(sender: Caller, decider: Caller, settings: Any) -> None:
    settings.APPROVAL_ABOVE = 1
    send = sender.post("sends/", {**REQUEST, "scheduled_at": ahead(hours=1)})
    address = f"sends/{send['id']}/"
    assert decider.post(f"{address}approve/", status=200)["status"] == "scheduled"
    later = ahead(hours=2)
    moved = sender.post(f"{address}reschedule/", {"scheduled_at": later}, status=200)
    assert (moved["status"], moved["approved_by"]) == ("awaiting_approval", "")
    assert parse_datetime(moved["release_at"]) == parse_datetime(later)
    error(sender.raw("POST", f"{address}reschedule/", {}), 400, "invalid_input")


# --- Retry ---------------------------------------------------------------------------------------


def test_what_failed_is_tried_again_once(sender: Caller) -> None:
    send = sender.post("sends/", REQUEST)
    address = f"sends/{send['id']}/retry-failed/"
    error(sender.raw("POST", address), 409, "nothing_to_retry")
    end(send, "failed")
    retry = sender.post(address)
    assert (retry["retry_of"], retry["ready_count"]) == (send["id"], 2)
    error(sender.raw("POST", address), 409, "nothing_to_retry")
    before = sender.get(f"sends/{send['id']}/deliveries/")["results"]
    after = sender.get(f"sends/{retry['id']}/deliveries/")["results"]
    assert [row["retry_of"] for row in after] == [row["id"] for row in before]
    assert [row["retry_of"] for row in before] == [None, None]


def test_the_unknown_is_tried_again_for_who_says_so(sender: Caller) -> None:
    send = sender.post("sends/", REQUEST)
    end(send, "unknown")
    address = f"sends/{send['id']}/retry-unknown/"
    error(sender.raw("POST", address), 400, "invalid_input")
    answer = error(
        sender.raw("POST", address, {"may_show_twice": False}), 400, "confirmation_needed"
    )
    assert "twice" in answer["message"]
    assert sender.post(address, {"may_show_twice": True})["retry_of"] == send["id"]


# --- Languages -----------------------------------------------------------------------------------


def test_whom_there_is_no_text_for_is_said_and_left_out(
    sender: Caller, make_interaction: Callable[..., Interaction]
) -> None:
    make_interaction("a1", locale="es_MX")
    make_interaction("b1", locale="")
    asked = {**REQUEST, "leave_out": ["other_language"]}

    plan = sender.post("sends/", {**REQUEST, "dry_run": True}, status=200)
    said = [(row["locale"], row["language"], row["own_language"]) for row in plan["targets"]]
    assert said == [("en", "es-MX", False), ("en", "", False)]
    plan = sender.post("sends/", {**asked, "dry_run": True}, status=200)
    assert plan["counts"] == {"no_text_in_language": 1, "ready": 1}
    assert plan["targets"][0]["detail"] == "The notice has no text in Spanish."
    assert [row["own_language"] for row in plan["targets"]] == [None, False]

    send = sender.post("sends/", asked, Idempotency_Key="k")
    error(sender.raw("POST", "sends/", REQUEST, Idempotency_Key="k"), 409, "idempotency_key_reused")
    rows = sender.get(f"sends/{send['id']}/deliveries/")["results"]
    found = {row["interaction"]: row for row in rows}
    assert found["a1"]["reason"] == "no_text_in_language"
    assert (found["a1"]["chat_locale"], found["a1"]["own_language"]) == ("es_MX", None)
    assert (found["b1"]["chat_locale"], found["b1"]["own_language"]) == ("", False)


@pytest.mark.parametrize("wrong", ["other_language", None, ["all"], [""], [1], {}])
def test_a_way_to_leave_out_that_is_none_is_refused(sender: Caller, wrong: Any) -> None:
    for dry_run in (True, False):
        refused = sender.raw("POST", "sends/", {**REQUEST, "leave_out": wrong, "dry_run": dry_run})
        assert refused.status_code == 400
        assert "leave_out" in refused.content.decode()
    assert not Send.objects.exists()


# --- Guard and quota -----------------------------------------------------------------------------


def test_the_same_notice_again_is_skipped_unless_asked_for(sender: Caller, settings: Any) -> None:
    settings.RESEND_GUARD_MINUTES = 10
    end(sender.post("sends/", REQUEST), "delivered")
    plan = sender.post("sends/", {**REQUEST, "dry_run": True}, status=200)
    assert plan["counts"] == {"recently_sent": 2}
    assert "less than a minute ago" in plan["targets"][0]["detail"]
    repeat = {**REQUEST, "allow_repeat": True}
    assert sender.post("sends/", {**repeat, "dry_run": True}, status=200)["counts"] == {"ready": 2}
    again = sender.post("sends/", REQUEST, Idempotency_Key="k")
    assert (again["status"], again["ready_count"]) == ("finished", 0)
    error(sender.raw("POST", "sends/", repeat, Idempotency_Key="k"), 409, "idempotency_key_reused")
    assert sender.post("sends/", repeat)["ready_count"] == 2


def test_a_preview_and_a_send_say_what_the_contact_budget_leaves(
    sender: Caller, settings: Any, make_notice: Callable[..., NoticeVersion]
) -> None:
    assert sender.post("sends/preview/", REQUEST, status=200)["contact_budget"] is None
    settings.CONTACT_BUDGET = contact_budget("routine=2/15")
    end(sender.post("sends/", REQUEST), "delivered")
    plan = sender.post("sends/preview/", REQUEST, status=200)
    assert plan["contact_budget"] == {"limit": 2, "minutes": 15, "had": {"1": 2}}
    end(sender.post("sends/", {**REQUEST, "interactions": ["a1"]}), "unknown")
    plan = sender.post("sends/preview/", REQUEST, status=200)
    assert plan["counts"] == {"contact_budget": 1, "ready": 1}
    assert plan["contact_budget"] == {"limit": 2, "minutes": 15, "had": {"1": 1}}
    (skipped,) = (target for target in plan["targets"] if target["reason"])
    assert (skipped["interaction"], skipped["reason"]) == ("a1", "contact_budget")
    assert skipped["detail_code"] == "contact_budget_spent"
    params = skipped["detail_params"]
    assert (params["had"], params["limit"], params["minutes"]) == (2, 2, 15)
    assert parse_datetime(params["next_at"]) > timezone.now()
    send = sender.post("sends/", REQUEST)
    assert (send["ready_count"], send["counts"]["skipped"]) == (1, 1)
    found = sender.get(f"sends/{send['id']}/deliveries/?status=skipped")["results"]
    assert [each["reason"] for each in found] == ["contact_budget"]
    make_notice("Leave the building.", key="fire", notice_class="safety")
    plan = sender.post("sends/preview/", {**REQUEST, "notice": "fire"}, status=200)
    assert (plan["counts"], plan["contact_budget"]) == ({"ready": 2}, None)


def test_a_person_has_a_quota_and_is_told_when_it_frees(
    supervisor: User, person: Callable[[User], Caller], sender: Caller, settings: Any
) -> None:
    settings.HOURLY_QUOTA = 3
    call = person(supervisor)
    assert call.post("sends/", {**REQUEST, "dry_run": True}, status=200)["quota_left"] == 3
    call.post("sends/", REQUEST)
    response = call.raw("POST", "sends/", REQUEST)
    answer = error(response, 429, "quota_exceeded")
    assert answer["details"] == {"limit": 3, "left": 1}
    assert 0 < int(response.headers["Retry-After"]) <= 3600
    assert sender.post("sends/", {**REQUEST, "dry_run": True}, status=200)["quota_left"] == 3
    settings.HOURLY_QUOTA = 1
    assert "Retry-After" not in call.raw("POST", "sends/", REQUEST).headers


# --- All sending ---------------------------------------------------------------------------------


def test_all_sending_is_stopped_and_goes_on(admin: Caller, program: Callable[..., Caller]) -> None:
    reader = program("read")
    nobody = {"stopped": False, "reason": "", "stopped_by": "", "stopped_at": None}
    assert reader.get("sending-stop/") == nobody
    error(admin.raw("PUT", "sending-stop/", {"reason": ""}), 400, "reason_missing")
    error(admin.raw("PUT", "sending-stop/", {"why": "x"}), 400, "invalid_input")
    status, answer = admin("PUT", "sending-stop/", {"reason": "Wrong text"})
    assert status == 200
    assert (answer["stopped"], answer["reason"]) == (True, "Wrong text")
    assert reader.get("sending-stop/")["stopped_by"] == "Operations"
    error(admin.raw("PUT", "sending-stop/", {"reason": "Again"}), 409, "already_stopped")
    error(reader.raw("DELETE", "sending-stop/"), 403, "permission_refused")
    assert admin("DELETE", "sending-stop/") == (204, None)
    error(admin.raw("DELETE", "sending-stop/"), 409, "not_stopped")
    assert reader.get("sending-stop/") == nobody
