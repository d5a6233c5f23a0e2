"""People, API clients, chats, notices, sends and webhooks, made through the services.

The fixtures of tests/conftest.py give these names and numbers, and what stands around them.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from console.accounts.models import ApiClient, Scope, Team, User
from console.accounts.services import api_client_create, user_create
from console.actors import Actor, system_actor
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_approve, version_create, version_submit
from console.catalogue.models import NoticeVersion
from console.incidents.models import Playbook
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services import playbooks
from console.interactions.models import Interaction
from console.interactions.services import feed_apply
from console.sends.models import Send
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from console.webhooks.models import EventType, Webhook
from console.webhooks.services import webhook_create

ROOT = system_actor("tests")
AUTHOR = Actor("user:author", "Author", ROOT.permissions)
REVIEWER = Actor("user:reviewer", "Reviewer", ROOT.permissions, sees_all_teams=True)
PASSWORD = "correct horse battery staple"
# No name, which would be looked up; and nothing in the tests connects to it.
PUBLIC = "https://1.1.1.1/hook"


def make_user(username: str, *roles: str, teams: list[Team] | None = None) -> User:
    return user_create(
        ROOT,
        username=username,
        password=PASSWORD,
        roles=list(roles),
        first_name=username.capitalize(),
        teams=teams or [],
    )


def make_client(name: str, *scopes: str) -> tuple[ApiClient, str]:
    """An API client with these scopes, or with all, and its token."""
    return api_client_create(ROOT, name=name, scopes=scopes or Scope.values)


def upsert(interaction_id: str, **interaction: Any) -> dict[str, Any]:
    """A feed event with everything in it; keywords replace fields of the interaction."""
    user_data = {
        "InteractionId": interaction_id,
        "IsOnline": "1",
        "ChatServerAppName": "chat-east",
        "FirstName": "Zoë",
        "LastName": "Martin",
    } | interaction.pop("user_data", {})
    return {
        "type": interaction.pop("type", "upsert"),
        "occurred_at": interaction.pop("occurred_at", timezone.now().isoformat()),
        "sequence": interaction.pop("sequence", None),
        "interaction": {
            "id": interaction_id,
            "media_type": "chat",
            "tenant_id": 101,
            "state": "handling",
            "queue": "billing",
            "agent": "ann",
            "locale": "en",
            "received_at": (timezone.now() - timedelta(minutes=2)).isoformat(),
            "user_data": user_data,
            **interaction,
        },
    }


def make_interaction(interaction_id: str, **interaction: Any) -> Interaction:
    """A live chat, fed in as a site would feed it."""
    result = feed_apply(ROOT, [upsert(interaction_id, **interaction)])
    assert result.rejected == []
    return Interaction.objects.get(pk=interaction_id)


def make_notice(
    key: str,
    body: str = "An agent will be with you shortly.",
    *,
    kind: str = "message",
    bodies: dict[str, str] | None = None,
    **version: Any,
) -> NoticeVersion:
    """A published notice: written by one, approved by another."""
    notice = notice_create(AUTHOR, key=key, kind=kind, title=f"Notice {key}")
    content = VersionContent(default_locale="en", bodies=bodies or {"en": body}, **version)
    draft = version_create(AUTHOR, notice, content)
    version_submit(AUTHOR, draft)
    return version_approve(REVIEWER, draft)


def make_send(sender: User, notice: str, chats: list[str], **wanted: Any) -> Send:
    """A send of this notice to these chats; keywords are those of a SendOrder."""
    return send_create(
        sender.to_actor(), SendOrder(notice_key=notice, interactions=chats, **wanted)
    )


def make_webhook(url: str, *events: str, name: str) -> tuple[Webhook, str]:
    """One that is told of these events, or of all, and its secret."""
    return webhook_create(ROOT, name=name, url=url, events=events or EventType.values)


def make_public_webhook(name: str = "Desk") -> Webhook:
    """For tests that send nothing to it."""
    webhook, _secret = make_webhook(PUBLIC, name=name)
    return webhook


def make_playbook(
    key: str, audience: dict[str, Any], *stages: dict[str, Any], **of: Any
) -> Playbook:
    """A published playbook: written by one, approved by another."""
    content = PlaybookContent.read({"audience": audience, "stages": list(stages), **of})
    draft = playbooks.playbook_create(AUTHOR, key=key, title=f"Playbook {key}", content=content)
    playbooks.version_submit(AUTHOR, draft)
    return playbooks.version_approve(REVIEWER, draft).playbook
