"""Registering a Chat Server, changing it, and noting how it is."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.accounts.models import User
from console.actors import system_actor
from console.audit.models import AuditEntry
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.esp.errors import InvalidAddress
from console.esp.transports import check_address as transport_check
from console.interactions.models import ChatServer, Health
from console.interactions.services import (
    chat_server_create,
    chat_server_reached,
    chat_server_unreachable,
    chat_server_update,
    check_address,
    default_burst,
)
from tests.support.entries import without_rows
from tests.support.topics import published

ROOT = system_actor("tests")
GOOD_URL = "esp+json://chat.example.org:4801"

BAD_ADDRESSES = [
    "",
    "chat.example.org:4801",
    "//chat.example.org:4801",
    "http://chat.example.org:4801",
    "esp+json:chat.example.org:4801",
    "esp+json://chat.example.org",
    "esp+json://:4801",
    "esp+json://chat.example.org:0",
    "esp+json://chat.example.org:65536",
    "esp+json://chat.example.org:port",
    "esp+json://chat.example.org:-1",
    "esp+json://chat.example.org:4801/path",
    "esp+json://chat.example.org:4801?addp=1",
    "esp+json://chat.example.org:4801#here",
    "esp+json://ann@chat.example.org:4801",
    "esp+json://:secret@chat.example.org:4801",
    "esp+json://@chat.example.org:4801",
    "esp+json://[::1:4801",
    "esp+json://chat.example.org :4801",
    "esp+json://chat.exam\nple.org:4801",
    " esp+json://chat.example.org:4801",
    "esp+json://chat.example.org:4801\t",
    "esp+json://chat..example.org:4801",
    "esp+json://" + "a" * 64 + ".example.org:4801",
    "ors+http://ors.example.org",
    "ors+http://ors.example.org:7210?a=b",
    "ors+http://ors.example.org:7210/#a",
    "ors+http://ann:secret@ors.example.org:7210",
    "ors+http://ors.example.org:7210/ü",
    "ors+http://999.1.1.1:7210",
]
HALF_A_MINUTE = timedelta(seconds=30)


@pytest.mark.parametrize("url", BAD_ADDRESSES)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_address(url)
    assert refused.value.code == "invalid_address"
    assert repr(url) in refused.value.message


@pytest.mark.parametrize(
    "url",
    [
        GOOD_URL,
        "esp+json+tls://chat.example.org:4801",
        "esp+json://127.0.0.1:1",
        "esp+json://[::1]:65535",
        "esp+json://chat:4801/",
        "ESP+JSON://Chat.Example.ORG:4801",
        "esp+json://bücher.example:4801",
        "ors+http://ors.example.org:7210",
        "ors+https://[::1]:443/genesys/",
    ],
)
def test_an_address_that_is_one(url: str) -> None:
    check_address(url)
    transport_check(url)


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=()), max_size=40),
        st.from_regex(
            r"psdk(\+tls)?://c:1\?((addp-timeout|tls-host|sdk\.|%c3)?=.?&?)*", fullmatch=True
        ),
        st.builds(
            "{}://{}:{}{}".format,
            st.sampled_from(["esp+json", "esp+json+tls", "ors+http", "ors+https"]),
            st.text("az1@:[]. /?#%\\", max_size=12),
            st.integers(0, 99_999),
            st.text(max_size=3),
        ),
    )
)
def test_no_address_passes_here_that_the_transport_refuses(url: str) -> None:
    try:
        check_address(url)
    except InvalidInput as refused:
        refused.message.encode()
        return
    try:
        transport_check(url)
    except InvalidAddress as refused_there:
        pytest.fail(f"{url!r}: {refused_there}")


# --- Create --------------------------------------------------------------------------------------


def test_registering_takes_a_name_and_an_address(administrator: User) -> None:
    actor = administrator.to_actor()
    server = chat_server_create(actor, name=" chat-east ", url=GOOD_URL)
    server.refresh_from_db()
    assert server.name == "chat-east"
    assert (server.pace_per_second, server.burst, server.window) == (50, 150, 32)
    assert server.enabled
    assert server.health == Health.UNTRIED
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.action, entry.target_ref) == ("chat_server.created", "chat-east")
    assert entry.actor_ref == actor.ref


@pytest.mark.parametrize("person", ["supervisor", "editor", "approver", "auditor"])
def test_only_administrators_register(person: str, request: pytest.FixtureRequest) -> None:
    actor = request.getfixturevalue(person).to_actor()
    with pytest.raises(PermissionRefused):
        chat_server_create(actor, name="chat-east", url=GOOD_URL)
    assert not ChatServer.objects.exists()


def test_a_name_is_there_once(chat_server: ChatServer) -> None:
    with pytest.raises(Conflict) as refused:
        chat_server_create(ROOT, name="chat-east", url=GOOD_URL)
    assert refused.value.code == "name_taken"
    assert "chat-east" in refused.value.message


@pytest.mark.parametrize("name", ["", "  ", "x" * 129])
def test_a_name_that_is_none(db: None, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        chat_server_create(ROOT, name=name, url=GOOD_URL)
    assert "name" in refused.value.details


FIGURES: dict[str, list[Any]] = {
    "pace_per_second": [0, 0.09, -1, 100_001, math.nan, math.inf, "fast", None],
    "burst": [0, -1, 100_001, "many", None],
    "window": [0, -1, 1001, None],
    "connect_timeout_seconds": [0, 61, math.nan, None],
    "request_timeout_seconds": [0.05, 121, math.nan, math.inf, None],
    "enabled": [None, "perhaps"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in FIGURES.items() for value in values]
)
def test_a_figure_out_of_range(db: None, name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        chat_server_create(ROOT, name="chat-east", url=GOOD_URL, **{name: value})
    assert refused.value.code == "invalid_chat_server"
    assert name in refused.value.details
    assert name in refused.value.message
    assert not ChatServer.objects.exists()
    server = chat_server_create(ROOT, name="chat-east", url=GOOD_URL)
    with pytest.raises(InvalidInput):
        chat_server_update(ROOT, server, **{name: value})


def test_an_unknown_figure(db: None) -> None:
    with pytest.raises(InvalidInput) as refused:
        chat_server_create(ROOT, name="chat-east", url=GOOD_URL, health="healthy")
    assert refused.value.code == "unknown_field"


@pytest.mark.parametrize(
    ("pace", "burst"), [(1, 150), (50, 150), (51, 153), (100, 300), (100_000, 100_000)]
)
def test_the_burst_follows_the_pace(db: None, pace: float, burst: int) -> None:
    server = chat_server_create(ROOT, name="chat-east", url=GOOD_URL, pace_per_second=pace)
    assert server.burst == burst


def test_a_given_burst_stands(db: None) -> None:
    server = chat_server_create(ROOT, name="chat", url=GOOD_URL, pace_per_second=100, burst=7)
    assert server.burst == 7


@pytest.mark.parametrize("nonsense", ["fast", None, math.nan, math.inf, "inf"])
def test_the_burst_of_a_pace_that_is_none(nonsense: object) -> None:
    assert default_burst(nonsense) == 150


# --- Change --------------------------------------------------------------------------------------


def test_a_change_is_recorded(chat_server: ChatServer) -> None:
    chat_server_update(ROOT, chat_server, pace_per_second=12.5, enabled=False)
    chat_server.refresh_from_db()
    assert (chat_server.pace_per_second, chat_server.enabled) == (12.5, False)
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert (entry.action, without_rows(entry)) == (
        "chat_server.changed",
        {"pace_per_second": "12.5", "enabled": "False"},
    )


def test_a_change_takes_an_administrator(chat_server: ChatServer, supervisor: User) -> None:
    with pytest.raises(PermissionRefused):
        chat_server_update(supervisor.to_actor(), chat_server, enabled=False)


def test_a_new_address_starts_with_a_clean_record(chat_server: ChatServer) -> None:
    chat_server_unreachable(chat_server, detail="refused", rest=HALF_A_MINUTE)
    chat_server_update(ROOT, chat_server, window=5)
    chat_server.refresh_from_db()
    assert (chat_server.health, chat_server.failures_in_a_row) == (Health.UNHEALTHY, 1)
    chat_server_update(ROOT, chat_server, url=GOOD_URL)
    chat_server.refresh_from_db()
    assert (chat_server.health, chat_server.health_detail) == (Health.UNTRIED, "")
    assert (chat_server.failures_in_a_row, chat_server.retry_at) == (0, None)


def test_the_same_address_again_is_no_new_one(chat_server: ChatServer) -> None:
    """The page has it with every change of anything."""
    opened_in_a_page = ChatServer.objects.get(pk=chat_server.pk)
    chat_server_unreachable(chat_server, detail="refused", rest=HALF_A_MINUTE)
    later = chat_server.retry_at
    chat_server_update(ROOT, opened_in_a_page, url=chat_server.url, window=5)
    chat_server.refresh_from_db()
    assert chat_server.window == 5
    assert (chat_server.health, chat_server.failures_in_a_row) == (Health.UNHEALTHY, 1)
    assert chat_server.retry_at == later


def test_a_change_leaves_alone_what_workers_write(chat_server: ChatServer) -> None:
    opened_in_a_page = ChatServer.objects.get(pk=chat_server.pk)
    chat_server_unreachable(chat_server, detail="refused", rest=HALF_A_MINUTE)
    ChatServer.objects.filter(pk=chat_server.pk).update(bucket_tokens=-40)
    chat_server_update(ROOT, opened_in_a_page, window=5)
    chat_server.refresh_from_db()
    assert chat_server.window == 5
    # A bucket that is filled up again would let the pace be exceeded.
    assert chat_server.bucket_tokens == -40
    assert (chat_server.health, chat_server.failures_in_a_row) == (Health.UNHEALTHY, 1)


# --- Health --------------------------------------------------------------------------------------


def test_failures_count_until_it_answers(chat_server: ChatServer) -> None:
    chat_server_unreachable(chat_server, detail="refused", rest=HALF_A_MINUTE)
    since, first_try = chat_server.health_since, chat_server.retry_at
    chat_server_unreachable(chat_server, detail="still refused", rest=HALF_A_MINUTE)
    chat_server.refresh_from_db()
    assert (chat_server.health, chat_server.failures_in_a_row) == (Health.UNHEALTHY, 2)
    assert chat_server.health_detail == "still refused"
    assert HALF_A_MINUTE <= chat_server.retry_at - since > first_try - since
    assert chat_server.health_since == since
    chat_server_reached(chat_server)
    chat_server.refresh_from_db()
    assert (chat_server.health, chat_server.failures_in_a_row) == (Health.HEALTHY, 0)
    assert (chat_server.health_detail, chat_server.retry_at) == ("", None)


def test_the_pages_hear_of_a_change_of_health_alone(chat_server: ChatServer) -> None:
    with published() as topics:
        chat_server_reached(chat_server)
        chat_server_reached(chat_server)
    assert topics == ["chat-servers", "board"]
