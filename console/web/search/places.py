"""The pages and actions, found by name or by a synonym.

None of them does anything by being opened: what can't be undone asks on its own page first.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from console.actors import Actor, Permission
from console.catalogue.content.search_words import words_in
from console.incidents.selectors import SEERS
from console.sends.selectors import READERS
from console.web.search.hits import Hit, Match, fit


@dataclass(frozen=True, slots=True)
class Place:
    """A page by the name of its URL. `also` are synonyms.

    Actors with one of `permissions` may open it; without any, everybody may.
    """

    url_name: str
    label: str | Promise
    icon: str
    also: str | Promise = ""
    permissions: tuple[Permission, ...] = ()

    def is_for(self, actor: Actor) -> bool:
        return not self.permissions or any(actor.may(each) for each in self.permissions)

    def hit(self, asked: str = "") -> Hit:
        match = fit(asked, str(self.label)) if asked else Match.WORDS
        return Hit(
            title=str(self.label),
            url=reverse(self.url_name),
            icon=self.icon,
            ref=f"page:{self.url_name}",
            match=match,
        )

    def has(self, asked: list[str]) -> bool:
        """Return whether each of the words is the beginning of one of the place's words."""
        own = list(words_in(f"{self.label} {self.also}"))
        return all(any(word.startswith(each) for word in own) for each in asked)


_SENDS = (*READERS, Permission.ADMINISTER)
_HISTORY = (Permission.SEND, Permission.VIEW_HISTORY)
_SERVERS = (Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
_READ = (Permission.VIEW_CATALOGUE,)
_WRITE = (Permission.EDIT_CATALOGUE,)
_ADMIN = (Permission.ADMINISTER,)
_APPROVE = (Permission.APPROVE_SENDS,)
_SEND = (Permission.SEND,)
_CHATS = (Permission.VIEW_INTERACTIONS,)
_TRAIL = (Permission.VIEW_AUDIT,)

PAGES = (
    Place("home-page", _("Home"), "home", _("needs me now waiting to do inbox")),
    Place("board", _("Board"), "board", _("live chats queue home"), _CHATS),
    Place("send-list", _("Sends"), "send", _("broadcasts messages sent"), _SENDS),
    Place("send-approvals", _("Approvals"), "approval", _("approve waiting large"), _APPROVE),
    Place("notice-list", _("Notices"), "notice", _("catalogue texts templates canned"), _READ),
    Place("incident-list", _("Incidents"), "incident", _("outage running stages"), SEERS),
    Place("playbook-list", _("Playbooks"), "playbook", _("outage prepared stages"), _READ),
    Place("category-list", _("Categories"), "category", _("catalogue tree folders"), _READ),
    Place("preset-list", _("Visibility presets"), "preset", _("who sees nickname"), _READ),
    Place("history", _("History"), "history", _("deliveries outcomes proof past"), _HISTORY),
    Place("audit", _("Audit trail"), "audit", _("ledger log entries who"), _TRAIL),
    Place("chat-server-list", _("Chat Servers"), "server", _("health pace connections"), _SERVERS),
    Place("operations", _("Operations"), "operations", _("workers monitor status load"), _SERVERS),
    Place("user-list", _("People"), "people", _("users accounts roles"), _ADMIN),
    Place("team-list", _("Teams"), "team", _("groups queues"), _ADMIN),
    Place("api-client-list", _("API clients"), "key", _("tokens programs workflows"), _ADMIN),
    Place("webhook-list", _("Webhooks"), "webhook", _("callbacks events"), _ADMIN),
    Place("test-chat-list", _("Test chats"), "tag", _("try drafts name mark"), _ADMIN),
    Place("account", _("Your account"), "person", _("profile sessions me settings")),
    Place("mfa_index", _("Second factors"), "key", _("authenticator app security key codes 2fa")),
    Place("help", _("Help"), "help", _("keyboard shortcuts keys manual")),
    Place("api:docs", _("API reference"), "custom", _("rest openapi documentation")),
)
ACTIONS = (
    Place("incident-create", _("Start an incident"), "incident", _("outage playbook"), _SEND),
    Place("playbook-create", _("New playbook"), "plus", _("write create add outage"), _WRITE),
    Place("notice-create", _("New notice"), "plus", _("write create add template"), _WRITE),
    Place("preset-create", _("Propose a preset"), "plus", _("new visibility nickname"), _WRITE),
    Place("category-create", _("New category"), "plus", _("create add folder"), _WRITE),
    Place("catalogue-export", _("Export the catalogue"), "download", _("notices save file"), _READ),
    Place("catalogue-import", _("Import notices"), "notice", _("catalogue upload file"), _WRITE),
    Place("sending-switch", _("Stop all sending"), "stop", _("emergency halt start again"), _ADMIN),
    Place("erase", _("Erase a customer"), "cancelled", _("forget delete privacy gdpr"), _ADMIN),
    Place("user-create", _("New person"), "plus", _("add create user account"), _ADMIN),
    Place("team-create", _("New team"), "plus", _("add create group"), _ADMIN),
    Place("api-client-create", _("New API client"), "plus", _("add create token"), _ADMIN),
    Place("chat-server-create", _("New Chat Server"), "plus", _("add register"), _ADMIN),
    Place("webhook-create", _("New webhook"), "plus", _("add create callback"), _ADMIN),
    Place("audit-proof", _("Verify the audit trail"), "audit", _("export prove ledger"), _TRAIL),
    Place("account_change_password", _("Change your password"), "key", _("new secret")),
)
BY_NAME = {place.url_name: place for place in (*PAGES, *ACTIONS)}


def found(actor: Actor, asked: str, places: tuple[Place, ...]) -> Iterator[Hit]:
    """Yield the places for this person that match the words; all of them if nothing is typed."""
    words = list(words_in(asked))
    for place in places:
        if place.is_for(actor) and (words or not asked) and place.has(words):
            yield place.hit(asked)
