"""The demo's data: made once, by the services, and found again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from console.accounts.models import ApiClient, Scope, Team, User
from console.actors import Permission, system_actor
from console.audit.models import AuditEntry
from console.catalogue.models import CannedNotice, NoticeStatus, NoticeVersion, Visibility
from console.demo.people import PASSWORD, PEOPLE
from console.demo.seeding import feed_token, register_chat_servers, seed
from console.interactions.models import ChatServer, Health
from console.interactions.services import chat_server_unreachable

pytestmark = pytest.mark.django_db


def test_everybody_can_do_their_work() -> None:
    seed()

    assert User.objects.count() == len(PEOPLE)
    for person in PEOPLE:
        user = User.objects.get(username=person.username)
        assert user.check_password(PASSWORD)
        assert user.roles == [person.role]
    sue = User.objects.get(username="sue").to_actor()
    assert sue.may(Permission.SEND)
    assert {team.name for team in Team.objects.filter(pk__in=sue.team_ids)} == {"Sales"}


def test_the_catalogue_shows_all_kinds_stages_and_visibilities() -> None:
    seed()

    stages = list(CannedNotice.objects.with_status().values_list("status", flat=True))  # type: ignore[misc]
    assert stages.count(NoticeStatus.PUBLISHED) == 8
    assert stages.count(NoticeStatus.DRAFT) == stages.count(NoticeStatus.IN_REVIEW) == 1
    assert set(CannedNotice.objects.values_list("kind", flat=True)) == {
        "message",
        "push_url",
        "custom",
    }
    assert set(NoticeVersion.objects.values_list("visibility", flat=True)) == set(Visibility.values)


def test_nobody_approved_their_own_work() -> None:
    seed()

    names = set(NoticeVersion.objects.values_list("author_name", "reviewer_name"))
    assert names == {("Eddy Lindqvist", "Anna Kowalska"), ("Eddy Lindqvist", "")}


def test_a_second_time_changes_nothing() -> None:
    seed()
    entries = AuditEntry.objects.count()
    assert entries

    seed()

    assert AuditEntry.objects.count() == entries
    assert User.objects.count() == len(PEOPLE)


def test_chat_servers_follow_their_simulators_to_new_ports() -> None:
    register_chat_servers({"chat-east": "esp+json://127.0.0.1:1001"})
    register_chat_servers({"chat-east": "esp+json://127.0.0.1:1002"})

    assert [server.url for server in ChatServer.objects.all()] == ["esp+json://127.0.0.1:1002"]


def test_a_chat_server_starts_with_a_clean_record() -> None:
    register_chat_servers({"chat-east": "esp+json://127.0.0.1:1001"})
    chat_server_unreachable(ChatServer.objects.get(), detail="refused", rest=timedelta(seconds=1))

    register_chat_servers({"chat-east": "esp+json://127.0.0.1:1002"})

    assert ChatServer.objects.get().health == Health.UNTRIED


def test_a_token_is_kept_while_it_works() -> None:
    token = feed_token("")

    assert feed_token(token) == token
    assert ApiClient.objects.get().scopes == sorted([Scope.FEED, Scope.READ])


def test_a_lost_token_is_replaced() -> None:
    first = feed_token("")

    assert feed_token("ncon_lost") not in ("", "ncon_lost", first)
    assert ApiClient.objects.count() == 2


def test_the_command_prepares_all_and_prints_the_token(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.CONSOLE_DATA = tmp_path
    settings.EMBEDDED = True

    call_command("demo_data", "--chat-server", "chat-east=esp+json://127.0.0.1:1001")
    first = capsys.readouterr().out
    call_command("demo_data")

    assert first.startswith("migrated\nncon_")
    assert capsys.readouterr().out == first
    assert (tmp_path / "demo_feed_token").stat().st_mode & 0o777 == 0o600
    assert ChatServer.objects.get().name == "chat-east"


def test_the_command_refuses_any_other_database(settings: Any) -> None:
    settings.EMBEDDED = False

    with pytest.raises(CommandError, match="Unset DATABASE_URL"):
        call_command("demo_data")

    assert not User.objects.exists()


def test_the_demo_is_in_the_audit_trail() -> None:
    seed()

    assert system_actor("demo").ref in set(AuditEntry.objects.values_list("actor_ref", flat=True))
