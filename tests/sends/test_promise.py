"""A preview promises a send: what leaves is that, to those chats at most. That chats come, go and
change meanwhile is no refusal; that it would be another send is one, and says what has changed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.selectors import notice_get
from console.errors import Conflict
from console.interactions.audience.simple_filter import InteractionFilter
from console.sends.models import Send, SendStatus
from console.sends.plan.planner import plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT

pytestmark = pytest.mark.usefixtures("chat_server")


@pytest.fixture
def shown(supervisor, make_interaction, make_notice) -> Callable[..., tuple[dict[str, Any], str]]:
    """The arguments of a preview of chats a, b and c, of which c is not ready, and its promise."""
    for name in "ab":
        make_interaction(name, locale="en", user_data={"FirstName": name, "Ready": "yes"})
    make_interaction("c", locale="en", user_data={"FirstName": "c"})
    bodies = {"en": "Hello {{ data.Ready }}", "fr": "Salut {{ data.Ready }}"}
    make_notice(bodies=bodies, key="hello")

    def preview(*, by_filter: bool = False, **arguments: Any) -> tuple[dict[str, Any], str]:
        chosen = (
            {"filter": InteractionFilter(all=True)} if by_filter else {"interactions": list("abc")}
        )
        given = {"notice_key": "hello", **chosen, **arguments}
        plan = plan_send(supervisor.to_actor(), SendOrder(**given))
        assert [target.interaction_id for target in plan.ready] == ["a", "b"]
        return given, Promise.of(plan).written()

    return preview


def reasons(send: Send) -> dict[str, str]:
    return dict(send.deliveries.values_list("interaction_id", "reason"))


def make_ready(make: Callable[..., Any], name: str, **changes: Any) -> None:
    make(name, **{"locale": "en", "user_data": {"FirstName": name, "Ready": "yes"}, **changes})


MOVES: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {
    "nothing": (lambda make: None, {}),
    "one ended": (lambda make: make("a", type="stopped"), {"a": "offline"}),
    "one went offline": (
        lambda make: make("a", user_data={"IsOnline": "0", "Ready": "yes"}),
        {"a": "offline"},
    ),
    "one came": (lambda make: make_ready(make, "d"), {}),
    "one came, one ended": (
        lambda make: (make_ready(make, "d"), make("b", type="stopped")),
        {"b": "offline"},
    ),
    "one has become ready": (lambda make: make_ready(make, "c"), {"c": "not_previewed"}),
    "one speaks another language": (
        lambda make: make_ready(make, "a", locale="fr"),
        {"a": "other_language"},
    ),
    "one says it in another way": (lambda make: make_ready(make, "a", locale="en-GB"), {}),
    "one lacks a value": (
        lambda make: make_ready(make, "a", user_data={"FirstName": "a"}),
        {"a": "unresolved_variable"},
    ),
    "one has another value": (
        lambda make: make_ready(make, "a", user_data={"FirstName": "a", "Ready": "later"}),
        {},
    ),
    "one is elsewhere": (
        lambda make: make_ready(
            make, "a", user_data={"Ready": "yes", "ChatServerAppName": "chat-nowhere"}
        ),
        {"a": "unknown_chat_server"},
    ),
    "all ended": (
        lambda make: [make(name, type="stopped") for name in "abc"],
        dict.fromkeys("abc", "offline"),
    ),
}


@pytest.mark.parametrize("by_filter", [False, True])
@pytest.mark.parametrize("move", MOVES)
def test_chats_that_move_are_no_refusal(
    supervisor, make_interaction, shown, move: str, by_filter: bool
) -> None:
    given, promise = shown(by_filter=by_filter)
    moves, skipped = MOVES[move]

    moves(make_interaction)
    send = send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise))

    assert reasons(send) == {"a": "", "b": "", "c": "unresolved_variable"} | skipped
    assert ("filter" in send.target) is by_filter


def test_a_chats_own_value_goes_out_as_it_is_now(supervisor, make_interaction, shown) -> None:
    given, promise = shown()
    make_ready(make_interaction, "a", user_data={"FirstName": "a", "Ready": "later"})

    send = send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise))

    assert send.deliveries.get(interaction_id="a").body == "Hello later"


def test_what_does_not_match_any_more_stays_out(supervisor, make_interaction, make_notice) -> None:
    make_notice("Hello", key="hello")
    for name in "ab":
        make_interaction(name, queue="sales")
    given: dict[str, Any] = {"notice_key": "hello", "filter": InteractionFilter(queue="sales")}
    promise = Promise.of(plan_send(supervisor.to_actor(), SendOrder(**given))).written()
    make_interaction("a", queue="billing")
    make_interaction("new", queue="sales")

    send = send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise))

    assert reasons(send) == {"a": "no_longer_matches", "b": ""}
    assert send.target == {"filter": {"queue": "sales"}}


def new_version(**changes: Any) -> None:
    author = type(ROOT)("user:author", "Author", ROOT.permissions)
    draft = version_create(
        author,
        notice_get(ROOT, "hello"),
        VersionContent(
            **{"default_locale": "en", "bodies": {"en": "Hello {{ data.Ready }}!"}, **changes}
        ),
    )
    version_submit(author, draft)
    version_approve(ROOT, draft)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "notice": ({"notice_key": "other"}, "another notice was chosen"),
    "visibility": ({"visibility": "INT"}, "who would see it has changed"),
    "nickname": ({"nickname": "Boss"}, "the nickname has changed"),
    "time": ({"scheduled_at": timezone.now() + timedelta(days=1)}, "the time has changed"),
    "repeat": ({"ignore_recent": True}, "goes again to who just got it"),
    "more chats": ({"interactions": list("abcd")}, "1 more chat was chosen"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_send_than_was_shown_is_refused(
    supervisor, make_interaction, make_notice, shown, settings, change: str
) -> None:
    settings.FREE_NICKNAMES = True
    given, promise = shown()
    make_ready(make_interaction, "d")
    make_notice("Other {{ data.Ready }}", key="other")
    changes, words = CHANGES[change]

    with pytest.raises(Conflict, match=f"Nothing was sent: since the preview .*{words}") as refused:
        send_create(supervisor.to_actor(), SendOrder(**{**given, **changes}, expected_plan=promise))

    assert refused.value.code == "plan_changed"
    assert not Send.objects.exists()


def test_a_new_version_is_refused_whatever_is_in_it(supervisor, shown) -> None:
    given, promise = shown()
    new_version()

    with pytest.raises(Conflict, match="the notice has another version"):
        send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise))


def test_fewer_chats_than_were_shown_are_all_right(supervisor, shown) -> None:
    given, promise = shown()

    given["interactions"] = ["b"]
    send = send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise))

    assert reasons(send) == {"b": ""}


def test_who_got_it_meanwhile_from_somebody_else_is_skipped(
    supervisor, outsider, shown, settings
) -> None:
    settings.RESEND_GUARD_MINUTES = 10
    given, promise = shown()
    send_create(outsider.to_actor(), SendOrder(notice_key="hello", interactions=["a"]))

    send = send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise))

    assert reasons(send) == {"a": "recently_sent", "b": "", "c": "unresolved_variable"}


def test_whom_the_guard_kept_out_of_the_preview_stays_out(supervisor, shown, settings) -> None:
    settings.RESEND_GUARD_MINUTES = 10
    given, _promise = shown()
    actor = supervisor.to_actor()
    send_create(actor, SendOrder(notice_key="hello", interactions=["a"]))
    promise = Promise.of(plan_send(actor, SendOrder(**given))).written()
    settings.RESEND_GUARD_MINUTES = 0

    assert (
        reasons(send_create(actor, SendOrder(**given, expected_plan=promise)))["a"]
        == "not_previewed"
    )


def test_approval_that_was_promised_is_asked_for_though_some_have_ended(
    supervisor, make_interaction, shown, settings
) -> None:
    settings.APPROVAL_ABOVE = 1
    given, promise = shown()
    make_interaction("a", type="stopped")

    send = send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise))

    assert (send.status, send.ready_count) == (SendStatus.AWAITING_APPROVAL, 1)


def test_approval_that_was_not_promised_is_a_refusal(supervisor, shown, settings) -> None:
    given, promise = shown()
    settings.APPROVAL_ABOVE = 1

    with pytest.raises(Conflict, match="a second person's approval"):
        send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise))


def test_the_quota_is_looked_at_anew(supervisor, make_interaction, shown, settings) -> None:
    """What has ended does not count."""
    given, promise = shown()
    settings.HOURLY_QUOTA = 1
    make_interaction("a", type="stopped")

    assert (
        send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=promise)).ready_count
        == 1
    )


def test_the_same_request_again_is_the_same_send_however_the_board_moved(
    supervisor, make_interaction, shown
) -> None:
    given, promise = shown(by_filter=True)
    actor = supervisor.to_actor()
    first = send_create(actor, SendOrder(**given, expected_plan=promise, idempotency_key="k"))
    make_interaction("a", type="stopped")
    make_ready(make_interaction, "d")
    _given, later = given, Promise.of(plan_send(actor, SendOrder(**given))).written()

    assert (
        send_create(actor, SendOrder(**given, expected_plan=promise, idempotency_key="k")) == first
    )
    assert send_create(actor, SendOrder(**given, expected_plan=later, idempotency_key="k")) == first


@pytest.mark.parametrize("damaged", ["x", "0" * 64, "eJw", "bnVsbA==", "eJyrrgUAAXUA+Q=="])
def test_a_promise_that_cannot_be_read_sends_nothing(supervisor, shown, damaged: str) -> None:
    given, _promise = shown()

    with pytest.raises(Conflict, match="can't be read any more") as refused:
        send_create(supervisor.to_actor(), SendOrder(**given, expected_plan=damaged))

    assert refused.value.code == "plan_unreadable"


def test_a_promise_of_the_most_chats_that_can_be_fits_into_a_form(supervisor, shown) -> None:
    _given, promise = shown()
    known = Promise.read(promise)
    many = {f"00027{number:011X}": "en" for number in range(10_000)}
    whole = Promise(known.terms, False, many, known.skipped)

    assert Promise.read(whole.written()) == whole
    assert len(whole.written()) < 300_000
