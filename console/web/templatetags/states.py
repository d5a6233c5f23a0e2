"""The label, icon and colour of each state, for templates."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.accounts.models import ApiClient, ClientState, User
from console.catalogue.models import Visibility
from console.catalogue.transfer.jobs.models import ImportJob, ImportStatus
from console.interactions.models import InteractionPoll
from console.sends.evidence_models import Source, Verdict
from console.sends.models import Delivery, DeliveryStatus, Evidence, LateAnswer, Resolution
from console.sends.observe.operations import WorkerState
from console.web.templatetags.console_ui import badge, exact_ms
from console.webhooks.models import Attempt, MessageStatus

register = template.Library()

CLIENT_LOOKS = {
    ClientState.ACTIVE: ("delivered", "healthy"),
    ClientState.AWAITING: ("pending", "unhealthy"),
    ClientState.EXPIRED: ("pending", "unhealthy"),
    ClientState.DEACTIVATED: ("cancelled", ""),
}
MESSAGE_LOOKS = {
    MessageStatus.TAKEN: ("delivered", "delivered"),
    MessageStatus.GIVEN_UP: ("failed", "failed"),
    MessageStatus.WAITING: ("pending", "scheduled"),
}
# For the rows of an import. Rows that change nothing have no badge.
OUTCOME_LOOKS = {
    "refused": ("failed", "failed"),
    "created": ("plus", "delivered"),
    "changed": ("edit", "sending-done"),
}
NOTE_TONES = {DeliveryStatus.FAILED: "bad", DeliveryStatus.UNKNOWN: "warn"}


class ShownWebhook(Protocol):
    """A webhook with the results of its newest messages."""

    enabled: bool
    last_problem: str | None
    taken_at: datetime | None


class ShownMessage(Protocol):
    status: str
    last_problem: str | None


@register.simple_tag
def person_state(person: User) -> SafeString:
    if person.is_active:
        return badge(_("Active"), "delivered", "healthy")
    return badge(_("Deactivated"), "cancelled")


@register.simple_tag
def client_state(client: ApiClient) -> SafeString:
    state = client.state
    return badge(state.label, *CLIENT_LOOKS[state])


@register.simple_tag
def webhook_state(webhook: ShownWebhook) -> SafeString:
    if not webhook.enabled:
        return badge(_("Switched off"), "paused")
    if webhook.last_problem:
        return badge(_("Fails"), "failed", "unhealthy", title=webhook.last_problem)
    if webhook.taken_at:
        return badge(_("Works"), "delivered", "healthy")
    return badge(_("Not tried yet"), "pending")


@register.simple_tag
def message_state(message: ShownMessage) -> SafeString:
    status = MessageStatus(message.status)
    if status == MessageStatus.WAITING and message.last_problem:
        return badge(_("To be tried again"), "retry", "holding")
    return badge(status.label, *MESSAGE_LOOKS[status])


@register.simple_tag
def attempt_state(attempt: Attempt) -> SafeString:
    if attempt.is_taken:
        return badge(_("Taken"), "delivered", "delivered")
    if attempt.ended_at:
        return badge(_("Not taken"), "failed", "failed")
    if attempt.is_lost:
        return badge(_("Unknown"), "unknown", "unknown")
    return badge(_("Under way"), "sending", "sending")


@register.simple_tag
def worker_state(worker: WorkerState) -> SafeString:
    if worker.is_lost:
        return badge(_("Lost"), "offline", "failed")
    if worker.is_stopping:
        return badge(_("Stopping"), "paused", "paused")
    return badge(_("Alive"), "online", "healthy")


@register.simple_tag
def sending_state(stopped: object, workers_alive: int) -> SafeString:
    if stopped:
        return badge(_("Stopped"), "stop", "failed")
    if not workers_alive:
        return badge(_("No worker"), "warning", "failed")
    return badge(_("On"), "delivered", "healthy")


@register.simple_tag
def poll_state(poll: InteractionPoll, is_late: bool) -> SafeString:
    if poll.failure:
        return badge(_("Failed"), "warning", "failed")
    if is_late:
        return badge(_("Late"), "warning", "unknown")
    if not poll.ended_at:
        return badge(_("None yet"), "paused")
    if poll.withheld:
        return badge(_("In doubt"), "warning", "unknown")
    return badge(_("Done"), "delivered", "healthy")


@register.simple_tag
def outcome(value: str, words: dict[str, str]) -> SafeString:
    """Show the result of a row of an import."""
    word = words.get(value, "")
    if value in OUTCOME_LOOKS:
        return badge(word, *OUTCOME_LOOKS[value])
    return format_html('<span class="muted">{}</span>', word)


@register.filter
def note_tone(status: str) -> str:
    """Return the tone of a note about a delivery with this status."""
    return NOTE_TONES.get(DeliveryStatus(status), "")


@register.filter
def button_tone(visibility: str) -> str:
    """Return the colour of a button that sends to those who see a text with this visibility."""
    return "primary" if visibility == Visibility.ALL else visibility


@register.simple_tag
def password_state(person: User) -> str:
    """Return whose the password is that a person signs in with."""
    if not person.has_usable_password():
        return _("the directory's")
    if person.must_change_password:
        return _("given by an administrator, to be changed at the next sign-in")
    return _("their own")


@register.simple_tag
def import_step(job: ImportJob) -> str:
    """Return what a running import does now."""
    if not job.started_at:
        return _("Waiting for a worker …")
    if job.phase == "writing":
        return _("Writing versions")
    if job.phase == "recording":
        return _("Writing the audit trail")
    if job.status == ImportStatus.CHECKING:
        return _("Checking the rows; nothing is changed")
    return _("Comparing the rows once more")


@register.simple_tag
def import_result(job: ImportJob) -> str:
    """Return what the figures of an import mean that is not running."""
    if job.status == ImportStatus.IMPORTED:
        return _("Imported")
    if job.status == ImportStatus.CHECKED:
        return _("This is what the import would do")
    return _("Nothing was imported")


@register.simple_tag
def no_answer(delivery: Delivery) -> str:
    """Return why there is no raw answer to show."""
    if delivery.erased_at:
        return _("The raw answer, if there was one, is erased with the text.")
    if delivery.status == DeliveryStatus.UNKNOWN:
        return _("No answer came in its time.")
    if delivery.status in (DeliveryStatus.SKIPPED, DeliveryStatus.CANCELLED):
        return _("Nothing was asked, so nothing was answered.")
    return _("No answer yet.")


@register.simple_tag
def late_answer(late: LateAnswer) -> str:
    """Return what a late answer says of its delivery."""
    took = late.status == DeliveryStatus.DELIVERED
    if late.seconds is None:
        return (
            _("Chat Server took it. That could not be recorded in time.")
            if took
            else _("It was not shown. That could not be recorded in time.")
        )
    said = (
        _("Chat Server took it %(s)s seconds after it was sent.")
        if took
        else _("Chat Server refused it %(s)s seconds after it was sent.")
    )
    return said % {"s": f"{late.seconds:.1f}"}


@register.simple_tag
def resolution_badge(resolution: Resolution) -> SafeString:
    """Show what evidence says of an unknown delivery."""
    return verdict_badge(resolution.verdict, resolution.is_contested)


@register.simple_tag
def verdict_badge(verdict: str, is_contested: bool) -> SafeString:
    if is_contested:
        return badge(_("The evidence differs"), "warning", "unknown")
    if verdict == Verdict.DELIVERED:
        return badge(_("Was delivered, by evidence"), "delivered", "delivered")
    return badge(_("Was not delivered, by evidence"), "failed", "failed")


@register.simple_tag
def evidence_words(evidence: Evidence) -> str:
    """Return who or what says how an unknown delivery ended."""
    if evidence.source == Source.LATE_ANSWER:
        return _("A late answer says so: it stands above.")
    if evidence.source == Source.TRANSCRIPT:
        return _("A line with exactly this text is in the chat’s transcript, at %(time)s.") % {
            "time": exact_ms(evidence.line_at)
        }
    if evidence.verdict == Verdict.WITHDRAWN:
        return _("%(name)s withdrew what was said.") % {"name": evidence.actor_name}
    said = (
        _("%(name)s, who sent it, says so. Where: %(place)s.")
        if evidence.is_senders_own
        else _("%(name)s says so. Where: %(place)s.")
    )
    return said % {"name": evidence.actor_name, "place": evidence.get_looked_in_display()}


@register.simple_tag
def unknown_and_resolved(send: Any) -> str:
    """Return of how many unknown deliveries of a send (with counts) something is known since."""
    resolved = send.unknown - send.unresolved
    if not resolved:
        return ""
    words = ngettext(
        "%(unknown)s unknown, %(resolved)s of them resolved: %(delivered)s delivered, %(not)s not.",
        "%(unknown)s unknown, %(resolved)s of them resolved: %(delivered)s delivered, %(not)s not.",
        send.unknown,
    ) % {
        "unknown": f"{send.unknown:,}",
        "resolved": f"{resolved:,}",
        "delivered": f"{send.resolved_delivered:,}",
        "not": f"{send.resolved_not_delivered:,}",
    }
    if not send.contested:
        return words
    differs = ngettext(
        "The evidence of %(n)s differs.", "The evidence of %(n)s differs.", send.contested
    )
    return f"{words} {differs % {'n': f'{send.contested:,}'}}"


@register.simple_tag
def refusal(status: int) -> str:
    """Return the heading of a page that shows a refusal."""
    return {403: _("Not allowed"), 404: _("Not found")}.get(status, _("Not possible"))


@register.filter
def refusal_icon(status: int) -> str:
    return {403: "supervisors", 404: "search"}.get(status, "warning")


@register.filter
def present(renamed: Mapping[str, str], name: str) -> str:
    """Return the present name of a Chat Server, of those that were renamed."""
    return renamed.get(name, name)


@register.simple_tag
def chats_and_skipped(chats: int, skipped: int) -> str:
    """Return how many chats something goes to, and how many were skipped, if any."""
    words = ngettext("%(n)s chat", "%(n)s chats", chats) % {"n": f"{chats:,}"}
    if not skipped:
        return words
    return _("%(chats)s, %(n)s skipped") % {"chats": words, "n": f"{skipped:,}"}
