"""What starting a stage would do, for the page: whom it reaches, with which texts, and whether it
needs approval."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console.actors import Actor
from console.audit.readings import texts_shown
from console.catalogue.models import Visibility
from console.errors import Conflict, ConsoleError
from console.incidents.playbook_content import StageContent
from console.sends.pages.plan_preview import gaps, sampled, skipped_groups, text_groups
from console.sends.pages.wording import approval_words, audience
from console.sends.plan.promise import Promise
from console.sends.plan.values import SendPlan
from console.sends.selectors import sending_stopped

# A plan that lacks these is not refused: there is something to fill in first.
TO_FILL_IN = ("field_missing",)
# What the form says in place of a promise if the preview showed that nobody matches.
NOBODY = "nobody"


def preview_context(
    actor: Actor, content: StageContent, plan: Callable[[], SendPlan | None]
) -> dict[str, Any]:
    """Return the context of incidents/_stage_preview.html. `plan` makes the plan, or raises why
    there is none."""
    context: dict[str, Any] = {"content": content, "undo_seconds": settings.UNDO_SECONDS}
    try:
        made = plan()
    except ConsoleError as refusal:
        if refusal.code in TO_FILL_IN:
            return {**context, "preview_hint": refusal.message}
        return {**context, "preview_error": refusal.message}
    if made is None:
        # The promise is of nobody: whoever comes meanwhile gets it as one who newly matches.
        return {**context, "promise": NOBODY, "can_start": content.is_standing}
    groups = text_groups(made)
    texts_shown(actor, "preview", sampled(groups))
    return {
        **context,
        "plan": made,
        "promise": Promise.of(made).written(),
        "text_groups": groups,
        "skipped_groups": skipped_groups(made),
        "gap_sentences": [words for gap in gaps(made, ()) for words in gap.sentences],
        "approval_words": approval_words(made, settings.APPROVAL_ABOVE),
        "is_stopped": sending_stopped() is not None,
        "can_start": made.quota_refusal is None and (bool(made.ready) or content.is_standing),
    }


def seen_promise(data: Mapping[str, Any]) -> str | None:
    """Return the promise of the preview that a form was sent with; None if it showed that nobody
    matches. Raises Conflict for a form without a preview."""
    promise = str(data.get("expected_plan", ""))
    if promise == NOBODY:
        return None
    if not promise:
        raise Conflict(
            "not_previewed",
            "Nothing was sent yet: look at what each chat gets below, then press the button again.",
        )
    return promise


def reached_words(plan: SendPlan | None) -> str:
    """Return whom a plan reaches, for a button."""
    if plan is None or not plan.ready:
        return _("every chat that comes")
    number = len(plan.ready)
    if plan.visibility != Visibility.ALL:
        return audience(plan.visibility, number)
    return ngettext("%(n)s chat", "%(n)s chats", number) % {"n": f"{number:,}"}


def start_words(title: str, stage: str, plan: SendPlan | None) -> str:
    """Return the label of the button that starts a playbook."""
    names = {"title": title, "stage": stage, "whom": reached_words(plan)}
    if plan is not None and plan.needs_approval:
        return _("Ask for approval to start “%(title)s”: %(stage)s to %(whom)s") % names
    return _("Start “%(title)s”: %(stage)s to %(whom)s") % names


def stage_words(stage: str, plan: SendPlan | None) -> str:
    """Return the label of the button that starts a later stage."""
    names = {"stage": stage, "whom": reached_words(plan)}
    if plan is not None and plan.needs_approval:
        return _("Ask for approval to send “%(stage)s” to %(whom)s") % names
    return _("Send “%(stage)s” to %(whom)s") % names
