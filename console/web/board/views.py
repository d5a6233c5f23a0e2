"""The live board: choose chats, compose, preview and send on one screen."""

from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import replace_url

from console.actors import Actor, Permission
from console.audit.readings import texts_shown
from console.catalogue.models import NoticeVersion
from console.catalogue.selectors import sendable_versions, usable_presets
from console.catalogue.usage import favourite_ids, recent_ids
from console.editing.confirmation import posted
from console.errors import Conflict, ConsoleError
from console.interactions.audience import builder
from console.interactions.models import TranscriptLine
from console.interactions.selectors import (
    filter_choices,
    interactions_visible,
    transcript_seen,
)
from console.sends.models import DeliveryStatus, Reason, Send
from console.sends.pages.plan_preview import gaps, sampled, skipped_groups, text_groups
from console.sends.pages.sends import progress_context
from console.sends.pages.wording import approval_words, send_words
from console.sends.plan.nicknames import nickname_choices
from console.sends.plan.planner import plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendPlan
from console.sends.selectors import send_deliveries, send_of_key, sending_stopped
from console.site.access import actor_of, require
from console.web.board.chosen import Chosen, read_chosen
from console.web.board.forms import ComposeForm, questions
from console.web.board.listing import rows_context

QUOTA_IS_NEAR = 0.1
# If there are more notices than these, people find them by typing.
NOTICES_SHOWN = 100
# What the list of notices shows of each.
OPTION = (
    *("visibility", "bodies", "default_locale"),
    *(f"notice__{name}" for name in ("key", "title", "kind", "shortcut", "tags")),
    *("notice__category__name", "notice__category__path"),
)
# Seconds, and the same in minutes.
WAITS = tuple((60 * minutes, minutes) for minutes in (1, 2, 5, 10, 30))


@require_GET
@require(Permission.VIEW_INTERACTIONS)
def board(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    actor = actor_of(request)
    initial = {"notice": request.GET.get("notice", "")}
    if request.GET.get("select") == "all" and actor.may(Permission.SEND):
        chosen = read_chosen(actor, request.GET)
        if chosen.query and not chosen.refusal:
            initial |= {"everything": "1", "filters": urlencode(chosen.query)}
    form = ComposeForm(initial=initial)
    return render(request, "board/board.html", _page_context(request, actor, form))


@require_GET
@require(Permission.VIEW_INTERACTIONS)
def board_rows(request: HttpRequest) -> HttpResponse:
    """The list alone, with the saved views' counts: for filters, which also change the page's
    address, and for live refreshes, which send what is `shown`. A saved view (`tab`) brings its
    filters along."""
    actor = actor_of(request)
    context = rows_context(request, actor)
    if "tab" in request.GET:
        context |= _filters_context(actor, context["chosen"])
    answer = render(request, "board/_rows_answer.html", context)
    return answer if "shown" in request.GET else replace_url(answer, context["board_url"])


@require(Permission.SEND)
def board_compose(request: HttpRequest) -> HttpResponse:
    """The compose panel: empty, or with the posted values. `chat` is the page's own chat, if it is
    the page of one."""
    actor = actor_of(request)
    chat = request.GET.get("chat", "")
    initial = {"chat": chat, "interactions": [chat]} if chat else {}
    return _answer(request, actor, ComposeForm(posted(request), initial=initial))


@require_GET
@require(Permission.SEND)
def board_sent(request: HttpRequest) -> HttpResponse:
    """Whether the person's form with this key was accepted, for a page that got no response.

    Until then it may still be in transit.
    """
    actor = actor_of(request)
    send = send_of_key(actor, request.GET.get("idempotency_key", ""))
    if not request.htmx:  # type: ignore[attr-defined]
        address = reverse("send-detail", args=[send.pk]) if send else ""
        return JsonResponse({"send": send.pk if send else None, "address": address})
    if send is None:
        return HttpResponse(status=204)
    return _sent(request, actor, send, chat=request.GET.get("chat", ""))


@require_GET
@require(Permission.SEND)
def board_notices(request: HttpRequest) -> HttpResponse:
    """The list of notices alone, narrowed to the typed text, since only some are shown."""
    actor, asked = actor_of(request), request.GET.get("notices", "")[:200]
    chosen = request.GET.get("notice", "")[:100]
    context = {"chosen": chosen, **_notices(actor, asked, chosen)}
    return render(request, "board/_notices.html", context)


@require_POST
@require(Permission.SEND)
def board_newcomers(request: HttpRequest) -> HttpResponse:
    """How many chats match the filter of a preview but were not in it. Writes nothing."""
    try:
        promised = Promise.read(request.POST.get("expected_plan", "")).chats
    except Conflict:  # without a preview there is nothing to add them to
        return render(request, "board/_newcomers.html")
    actor = actor_of(request)
    chosen = read_chosen(actor, QueryDict(request.POST.get("filters", "")))
    matching = interactions_visible(actor, chosen).values_list("pk", flat=True)
    number = len(set(matching).difference(promised))
    return render(request, "board/_newcomers.html", {"number": number})


@require_POST
@require(Permission.SEND)
def board_preview(request: HttpRequest) -> HttpResponse:
    """Show what each chosen chat would get. Writes nothing."""
    actor = actor_of(request)
    form = ComposeForm(request.POST)
    context = preview_context(actor, form)
    if not request.htmx:  # type: ignore[attr-defined]
        page = {**_page_context(request, actor, form), **context}
        return render(request, "board/board.html", page)
    if form.data.get("answers_for") != form.notice_key:  # another notice has other questions
        context |= questions(actor, form.notice_key, form.data)
    return render(request, "board/_preview_answer.html", context)


@require_POST
@require(Permission.SEND)
def board_send(request: HttpRequest) -> HttpResponse:
    """Send. A refusal keeps all input; submitting the same form twice sends once."""
    actor = actor_of(request)
    form = ComposeForm(request.POST)
    if not form.is_valid():
        return _answer(request, actor, form, status=422)
    try:
        send = send_create(actor, form.order(actor))
    except ConsoleError as refusal:
        if refusal.code == "idempotency_key_reused":
            return _answer(request, actor, form.renewed(), error=_sent_before(refusal), status=422)
        refused = {str(refusal.details.get("field", "")): refusal.message}
        return _answer(request, actor, form, error=refusal.message, status=422, refused=refused)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("send-detail", send.pk)
    return _sent(request, actor, send, chat=form.of_chat)


def _sent(request: HttpRequest, actor: Actor, send: Send, *, chat: str) -> HttpResponse:
    """Return the panel after a send, with its first text and its progress. `chat` is the page's own
    chat."""
    first = send_deliveries(actor, send).exclude(status=DeliveryStatus.SKIPPED).first()
    context = {**progress_context(actor, send.pk), "first": first, "of_chat": chat}
    return render(request, "board/_sent.html", context)


def _sent_before(refusal: ConsoleError) -> str:
    """Return the message for a person who changed a form that was sent already."""
    words = _("Not sent: this form was sent before, as send %(id)s. To send this too, press again.")
    return words % {"id": refusal.details.get("send", "")}


def _answer(
    request: HttpRequest,
    actor: Actor,
    form: ComposeForm,
    *,
    error: str = "",
    status: int = 200,
    refused: dict[str, str] | None = None,
) -> HttpResponse:
    """Return the panel to htmx, and the whole page to a browser without scripts."""
    context = {
        **compose_context(actor, form, refused),
        **preview_context(actor, form),
        "error": error,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "board/_compose.html", context, status=status)
    page = {**_page_context(request, actor, form), **context}
    return render(request, "board/board.html", page, status=status)


def _page_context(request: HttpRequest, actor: Actor, form: ComposeForm) -> dict[str, Any]:
    context = rows_context(request, actor)
    context |= _filters_context(actor, context["chosen"])
    context["selected"] = set(form.selected)
    if actor.may(Permission.SEND):
        context |= compose_context(actor, form) | preview_context(actor, form)
    return context


def _filters_context(actor: Actor, chosen: Chosen) -> dict[str, Any]:
    return {
        "choices": filter_choices(actor),
        "waits": WAITS,
        "builder": builder.of_text(actor, chosen.text),
    }


def compose_context(
    actor: Actor, form: ComposeForm, refused: dict[str, str] | None = None
) -> dict[str, Any]:
    chosen = str(form["nickname"].value() or "")
    form.offer_nicknames(nickname_choices(actor, chosen))
    return {
        "form": form,
        "free_nicknames": settings.FREE_NICKNAMES,
        "chosen": form["notice"].value(),
        **_notices(actor, "", str(form["notice"].value() or "")),
        **questions(actor, form.notice_key, form.data, refused),
        "presets": list(usable_presets(actor)),
        "undo_seconds": settings.UNDO_SECONDS,
    }


def _notices(actor: Actor, asked: str, chosen: str) -> dict[str, Any]:
    """Return the notices to choose from: favourites first, then the last sent.

    The chosen one is always included.
    """
    sendable = _options(actor, asked)
    found = list(sendable[: NOTICES_SHOWN + 1])
    more = len(found) > NOTICES_SHOWN
    favourites = set(favourite_ids(actor))
    recent = {notice: place for place, notice in enumerate(recent_ids(actor))}
    if more or asked:
        listed = {version.notice_id for version in found}
        chosen = "" if any(version.notice.key == chosen for version in found) else chosen
        wanted = set() if asked else {*favourites, *recent} - listed
        found += _others(actor, wanted, chosen)

    def place(version: NoticeVersion) -> tuple[bool, int]:
        at_hand = version.notice_id in favourites
        return not at_hand, -1 if at_hand else recent.get(version.notice_id, len(recent))

    unique = {version.pk: version for version in found}
    return {
        "versions": sorted(unique.values(), key=place),
        "more_notices": more or bool(asked),
        "favourites": favourites,
        "recent": recent,
    }


def _options(actor: Actor, asked: str = "") -> QuerySet[NoticeVersion]:
    """Return what can be sent, with what the list of notices shows."""
    return (
        sendable_versions(actor, asked)
        .select_related(None)
        .select_related("notice__category")
        .only(*OPTION)
    )


def _others(actor: Actor, notices: Collection[int], key: str) -> Iterable[NoticeVersion]:
    """Return what can be sent of these notices, and of the one with this key."""
    wanted = Q(notice__in=notices) if notices else Q()
    wanted |= Q(notice__key=key) if key else Q()
    return _options(actor).filter(wanted) if wanted else ()


def preview_context(actor: Actor, form: ComposeForm) -> dict[str, Any]:
    hint = _("Choose chats in the list. Then choose a notice, and see here what each chat gets.")
    context: dict[str, Any] = {"preview_hint": hint, "undo_seconds": settings.UNDO_SECONDS}
    context["lines_beside"] = _lines_beside(actor, form)
    if not form.has_targets:
        return context
    if not form.is_valid():
        return {**context, "preview_hint": _what_is_missing(form)}
    try:
        order = form.order(actor)
        plan = plan_send(actor, order)
    except ConsoleError as refusal:
        if refusal.code == "field_missing":
            return {**context, "preview_hint": refusal.message}
        return {**context, "preview_error": refusal.message}
    planned = _plan_context(plan, form)
    texts_shown(actor, "preview", sampled(planned["text_groups"]))
    return context | planned | {"to_everyone": order.is_to_everyone}


def _lines_beside(actor: Actor, form: ComposeForm) -> list[TranscriptLine]:
    """Return the last lines of the chosen chat, if it is one. The page of a chat has them
    already."""
    if form.of_chat or form.data.get("everything") or len(form.selected) != 1:
        return []
    chat = interactions_visible(actor).filter(pk=form.selected[0]).first()
    if chat is None:
        return []
    texts_shown(actor, "preview", [chat.pk])
    return transcript_seen(actor, chat)


def _what_is_missing(form: ComposeForm) -> str:
    for name in ("later", "own_nickname", "canary_size", "canary_minutes"):
        if name in form.errors:
            return " ".join(str(words) for words in form.errors[name])
    return _("Choose a notice, and see here what each chat gets.")


def _plan_context(plan: SendPlan, form: ComposeForm) -> dict[str, Any]:
    return {
        "plan": plan,
        "promise": Promise.of(plan).written(),
        "everything": form.cleaned_data["everything"],
        "text_groups": text_groups(plan),
        "skipped_groups": skipped_groups(plan),
        "gaps": gaps(plan, form.leave_out),
        "send_words": send_words(
            plan.visibility,
            len(plan.ready),
            later=plan.scheduled_at is not None,
            needs_approval=plan.needs_approval,
        ),
        "waits_for_restart": plan.scheduled_at is None and sending_stopped() is not None,
        "scheduled_at": plan.scheduled_at,
        "time_zone": form.zone,
        "approval_words": approval_words(plan, settings.APPROVAL_ABOVE),
        "repeats": plan.counts.get(Reason.RECENTLY_SENT, 0),
        "allows_repeat": form.cleaned_data["allow_repeat"],
        "guard_minutes": settings.RESEND_GUARD_MINUTES,
        "quota_after": _quota_after(plan),
        "quota": settings.HOURLY_QUOTA,
    }


def _quota_after(plan: SendPlan) -> int | None:
    """Return how many chats the quota leaves after this send, if these are few."""
    if plan.quota_left is None or plan.quota_refusal is not None:
        return None
    left = plan.quota_left - len(plan.ready)
    return left if left < settings.HOURLY_QUOTA * QUOTA_IS_NEAR else None
