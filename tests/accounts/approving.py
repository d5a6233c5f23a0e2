"""Approvals through the pages, with a security key in software."""

import html
import json
import re
from typing import Any

from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse

from console.accounts.models import User
from console.accounts.roles import Role
from console.audit.models import AuditEntry
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.models import NoticeVersion, PresetChange
from console.catalogue.review.presets import preset_create
from console.incidents.playbook_content import PlaybookContent
from console.incidents.services import playbooks
from tests.support.factories import AUTHOR, make_interaction, make_notice, make_send, make_user
from tests.support.signing_in import sign_in
from tests.support.software_key import SoftwareKey

OPTIONS = re.compile(r'<script id="key-options" type="application/json">(.*?)</script>', re.DOTALL)
HIDDEN = re.compile(r'<input\s+type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"')

KINDS = ("version", "preset", "playbook", "send", "role")
Posted = tuple[str, dict[str, Any]]


def submitted_version(key: str = "storm") -> NoticeVersion:
    notice = notice_create(AUTHOR, key=key, kind="message", title="Storm warning")
    content = VersionContent(default_locale="en", bodies={"en": "Close the windows."})
    return version_submit(AUTHOR, version_create(AUTHOR, notice, content))


def version_to_approve() -> Posted:
    version = submitted_version()
    return reverse("version-approve", args=[version.notice.key, version.number]), {}


def preset_to_approve() -> Posted:
    preset = preset_create(AUTHOR, name="Quiet", visibility="INT", nickname="Desk")
    change = PresetChange.objects.get(preset=preset)
    return reverse("preset-approve", args=[preset.pk]), {"change": change.pk}


@override_settings(APPROVAL_RULES={})
def published(key: str) -> None:
    make_notice(key, "We know of it.")


def playbook_to_approve() -> Posted:
    published("outage")
    stages = [{"name": "First", "notice": "outage"}]
    content = PlaybookContent.read({"audience": {"everyone": True}, "stages": stages})
    draft = playbooks.playbook_create(AUTHOR, key="down", title="It is down", content=content)
    playbooks.version_submit(AUTHOR, draft)
    return reverse("playbook-approve", args=["down", 1]), {}


def send_to_approve() -> Posted:
    published("hello")
    sender = make_user("sue", Role.SUPERVISOR)
    chats = [make_interaction(f"c{number}").pk for number in range(2)]
    send = make_send(sender, "hello", chats, why="A storm")
    return reverse("send-approve", args=[send.pk]), {"seen": ""}


def role_to_give() -> Posted:
    posted = {"username": "newman", "password": "lanterns along the pier", "roles": ["auditor"]}
    return reverse("user-create"), posted


TO_APPROVE = dict(
    zip(
        KINDS,
        (version_to_approve, preset_to_approve, playbook_to_approve, send_to_approve, role_to_give),
        strict=True,
    )
)


class Approver:
    """Somebody with every role, and perhaps a security key, in a session of the pages."""

    def __init__(self, name: str = "anna", key: SoftwareKey | None = None) -> None:
        self.user: User = make_user(name, Role.APPROVER, Role.ADMINISTRATOR)
        self.key = key
        if key is not None:
            key.registered(self.user)
        self.client = sign_in(Client(), self.user)

    def post(self, posted: Posted, **more: Any) -> Any:
        address, data = posted
        return self.client.post(address, {**data, **more})

    def asked(self, posted: Posted) -> "Question":
        """Press the button, and be asked for the key."""
        page = self.post(posted).content.decode()
        found = OPTIONS.search(page)
        assert found is not None, page
        options = json.loads(html.unescape(found[1]))["request_options"]["publicKey"]
        return Question(self, posted[0], options, page)

    def approves(self, posted: Posted) -> Any:
        return self.asked(posted).answered()


class Question:
    def __init__(
        self, approver: Approver, address: str, options: dict[str, Any], page: str
    ) -> None:
        self.approver, self.address, self.options, self.page = approver, address, options, page
        self.challenge: str = options["challenge"]

    @property
    def kept(self) -> dict[str, list[str]]:
        """What the page posts once more."""
        found: dict[str, list[str]] = {}
        form = self.page.split('id="main"')[1]
        for name, value in HIDDEN.findall(form):
            if name not in ("csrfmiddlewaretoken", "credential"):
                found.setdefault(name, []).append(html.unescape(value))
        return found

    def answered(self, answer: dict[str, Any] | None = None, client: Client | None = None) -> Any:
        key = self.approver.key
        if answer is None and key is not None:
            answer = key.answer(self.challenge)
        data = {**self.kept, "credential": json.dumps(answer)}
        return (client or self.approver.client).post(self.address, data)


def approvals() -> list[AuditEntry]:
    """The entries by which somebody approved, the oldest first."""
    return [
        entry
        for entry in AuditEntry.objects.order_by("seq")
        if "confirmation" in entry.data and entry.actor_ref.removeprefix("user:").isdecimal()
    ]


def newest() -> dict[str, Any]:
    """How the newest approval was confirmed."""
    data: dict[str, Any] = approvals()[-1].data["confirmation"]
    return data
