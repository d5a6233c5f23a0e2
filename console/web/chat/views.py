"""The page of one chat: what it is, what was sent to it, what waits for it, and composing."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from console.actors import Actor, Permission
from console.audit.readings import texts_shown
from console.catalogue.selectors import sendable_versions
from console.database import notifications
from console.interactions.models import Interaction
from console.interactions.selectors import interaction_get, present_name, transcript_seen
from console.sends.timeline import SHOWN_MOST, chat_timeline, followed_sends
from console.site.access import actor_of, require
from console.web.board.forms import ComposeForm
from console.web.board.views import compose_context, preview_context
from console.web.requests.embedding import is_embedded

NOTICE_LENGTH = 100
# Beside these, a page follows three topics of its own.
SENDS_FOLLOWED = 10


@require_GET
@require(Permission.VIEW_INTERACTIONS)
def chat_detail(request: HttpRequest, interaction_id: str) -> HttpResponse:
    """The whole page. `?notice=key` preselects a notice."""
    actor = actor_of(request)
    chat = interaction_get(actor, interaction_id)
    context = _now_context(actor, chat)
    composes = actor.may(Permission.SEND) and chat.is_live and not chat.is_test
    if composes:
        asked = request.GET.get("notice", "").strip()
        key, refusal = _preselected(actor, asked)
        form = ComposeForm(initial={"notice": key, "interactions": [chat.pk], "chat": chat.pk})
        context |= compose_context(actor, form) | preview_context(actor, form)
        context["notice_refusal"] = refusal
    embedded = is_embedded(request)
    template = "chat/embedded.html" if embedded else "chat/chat.html"
    return render(request, template, context | {"composes": composes})


@require_GET
@require(Permission.VIEW_INTERACTIONS)
def chat_now(request: HttpRequest, interaction_id: str) -> HttpResponse:
    """The part of the page that is loaded again when something changed."""
    actor = actor_of(request)
    context = _now_context(actor, interaction_get(actor, interaction_id))
    return render(request, "chat/_now.html", context)


@require_GET
def chat_signed_in(request: HttpRequest) -> HttpResponse:
    """The page where the sign-in of an embedded page ends: it tells that page."""
    return render(request, "chat/signed_in.html")


def _now_context(actor: Actor, chat: Interaction) -> dict[str, Any]:
    texts_shown(actor, "chat", [chat.pk])
    timeline = chat_timeline(actor, chat)
    topics = [notifications.BOARD, notifications.chat_topic(chat.pk)]
    if actor.may(Permission.SEND):
        sends = followed_sends(timeline)[:SENDS_FOLLOWED]
        topics += [notifications.SENDS, *map(notifications.send_topic, sends)]
    return {
        "chat": chat,
        "customer_key": chat.customer_key if settings.CUSTOMER_KEY else "",
        "present_name": present_name(chat.chat_server_name),
        "user_data": sorted(chat.user_data.items()),
        "waiting_ones": [each for each in timeline if each.is_open],
        "sent_ones": [each for each in timeline if not each.is_open],
        "is_cut": len(timeline) == SHOWN_MOST,
        "keeps_lines": bool(settings.TRANSCRIPT_LINES),
        "lines": transcript_seen(actor, chat),
        "topics": " ".join(topics),
    }


def _preselected(actor: Actor, asked: str) -> tuple[str, str]:
    """Return the key of the asked notice, or why it can't be chosen here."""
    if not asked:
        return "", ""
    can_be_sent = (
        len(asked) <= NOTICE_LENGTH
        and "\0" not in asked
        and actor.may_send_notice(asked)
        and sendable_versions(actor).filter(notice__key=asked).exists()
    )
    if can_be_sent:
        return asked, ""
    words = _("The notice “%(key)s” can't be sent by you now. Choose another one.")
    return "", words % {"key": asked[:NOTICE_LENGTH]}
