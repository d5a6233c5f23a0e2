"""Puts the demo's data into an empty database, through the services that people use."""

from collections.abc import Mapping

from django.db import transaction

from console.accounts.models import ApiClient, Scope, Team, User
from console.accounts.selectors import api_client_admitted
from console.accounts.services import api_client_create, team_create, user_create
from console.actors import Actor, system_actor
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import VisibilityPreset
from console.demo import playbooks
from console.demo.notices import NOTICES, DemoNotice, Stage
from console.demo.people import AUTHOR, PASSWORD, PEOPLE, REVIEWER, TEAMS
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services import playbooks as services
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_create, chat_server_update

DEMO = system_actor("demo")
FEED_CLIENT = "Demo feed"
MIGRATED = "migrated"  # tells other parts of the demo that they can start


def seed() -> None:
    """Create people and catalogue in one transaction, unless they exist already."""
    with transaction.atomic():
        if User.objects.filter(username=AUTHOR.username).exists():
            return
        _create_people()
        _create_catalogue()
        _create_playbook()


def _create_people() -> None:
    teams = {name: team_create(DEMO, name=name, queues=queues) for name, queues in TEAMS.items()}
    for person in PEOPLE:
        in_teams: list[Team] = [teams[person.team]] if person.team else []
        user_create(
            DEMO,
            username=person.username,
            password=PASSWORD,
            roles=[person.role],
            first_name=person.first_name,
            last_name=person.last_name,
            teams=in_teams,
        )


def _create_catalogue() -> None:
    author = User.objects.get(username=AUTHOR.username).to_actor()
    reviewer = User.objects.get(username=REVIEWER.username).to_actor()
    presets = {preset.name: preset for preset in VisibilityPreset.objects.all()}
    for notice in NOTICES:
        _create_notice(notice, presets, author=author, reviewer=reviewer)


def _create_notice(
    demo: DemoNotice,
    presets: Mapping[str, VisibilityPreset],
    *,
    author: Actor,
    reviewer: Actor,
) -> None:
    notice = notice_create(
        author,
        key=demo.key,
        kind=demo.kind,
        title=demo.title,
        category=demo.category,
        tags=demo.tags,
        shortcut=demo.shortcut,
    )
    content = VersionContent(
        default_locale=next(iter(demo.bodies)),
        bodies=demo.bodies,
        nickname=demo.nickname,
        preset=presets[demo.preset],
        change_note=demo.change_note,
    )
    version = version_create(author, notice, content)
    if demo.stage != Stage.DRAFT:
        version_submit(author, version)
    if demo.stage == Stage.PUBLISHED:
        version_approve(reviewer, version)


def _create_playbook() -> None:
    content = PlaybookContent.read({"audience": playbooks.AUDIENCE, "stages": playbooks.STAGES})
    author = User.objects.get(username=AUTHOR.username).to_actor()
    reviewer = User.objects.get(username=REVIEWER.username).to_actor()
    draft = services.playbook_create(
        author, key=playbooks.KEY, title=playbooks.TITLE, content=content
    )
    services.version_submit(author, draft)
    services.version_approve(reviewer, draft)


def register_chat_servers(addresses: Mapping[str, str]) -> None:
    """Register the Chat Servers, or update their addresses, which change with each start."""
    for name, url in addresses.items():
        server = ChatServer.objects.filter(name=name).first()
        if server is None:
            chat_server_create(DEMO, name=name, url=url)
        elif server.url != url:
            chat_server_update(DEMO, server, url=url)


def feed_token(kept: str) -> str:
    """Return a token for the feed: the `kept` one if it still works, else a new client's."""
    if kept and not api_client_admitted(kept, address="127.0.0.1").code:
        return kept
    earlier = ApiClient.objects.filter(name__startswith=FEED_CLIENT).count()
    name = f"{FEED_CLIENT} {earlier + 1}" if earlier else FEED_CLIENT
    _client, token = api_client_create(DEMO, name=name, scopes=[Scope.FEED, Scope.READ])
    return token
