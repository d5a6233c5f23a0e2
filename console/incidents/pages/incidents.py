"""Pages of incidents: the list, one incident with its stages and chats, and its control."""

from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from console.actors import Actor, Permission
from console.editing.confirmation import Question, Step, ask_then, asks, posted, take_step
from console.editing.paging import numbered_page
from console.errors import ConsoleError
from console.incidents.models import Incident, StageTarget
from console.incidents.pages.playbook_forms import audience_text
from console.incidents.pages.stage_preview import (
    NOBODY,
    preview_context,
    seen_promise,
    stage_words,
)
from console.incidents.playbook_content import StageContent
from console.incidents.selectors import (
    OUTCOMES,
    SEERS,
    WAITING,
    has_a_hand_in,
    incident_get,
    incidents_running,
    incidents_visible,
    may_read,
    stage_targets,
)
from console.incidents.services.exporting import EXPORTERS, incident_export
from console.incidents.services.incidents import (
    WORD_LENGTH,
    incident_close,
    incident_confirm,
    stage_pause,
    stage_resume,
    stage_start,
)
from console.incidents.services.stages import Choice, content_at, stage_plan, undo_seconds
from console.incidents.shown import ShownIncident, shown_incidents
from console.interactions.selectors import interactions_visible
from console.sends.models import LIVE_STATUSES
from console.sends.selectors import READERS as SEND_READERS
from console.sends.selectors import prefetch_resolutions, sends_seen
from console.site.access import actor_of, require
from console.site.downloads import FileParts, download
from console.text.form_fields import FilterForm, TextField

INCIDENTS_A_PAGE = 50
CHATS_A_PAGE = 100
# An open page follows at most so many of an incident's sends by themselves.
SENDS_FOLLOWED = 8
SENDS_SHOWN = 20
CONTROLS = (Permission.SEND, Permission.ADMINISTER)
# Somebody else was faster: the incident's page says what goes on.
TOO_LATE = ("stage_started", "incident_closed")
OUTCOME_WORDS = {
    "reached": gettext_lazy("Reached"),
    "may_have_reached": gettext_lazy("May have reached"),
    "waiting": gettext_lazy("Still to reach"),
    "skipped": gettext_lazy("Skipped"),
    "failed": gettext_lazy("Failed"),
    "cancelled": gettext_lazy("Called off"),
}


def live_topics(actor: Actor, found: list[ShownIncident]) -> str:
    """Return the topics that a page about these incidents follows. Only sends that the actor sees
    are among them: a stream with another is refused as a whole."""
    topics = ["incidents"]
    if any(actor.may(each) for each in (*SEND_READERS, Permission.ADMINISTER)):
        open_ones = [
            shown.incident.pk
            for shown in found
            if any(stage.figures.of(WAITING) for stage in shown.stages)
        ]
        live = sends_seen(actor).filter(incident_id__in=open_ones, status__in=LIVE_STATUSES)
        ids = live.order_by("-pk").values_list("pk", flat=True)[:SENDS_FOLLOWED]
        topics += ["sends", *(f"send-{pk}" for pk in ids)]
    return " ".join(topics)


# --- Pages ---------------------------------------------------------------------------------------


@require_GET
@require(*SEERS)
def incident_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    page = numbered_page(request, incidents_visible(actor), INCIDENTS_A_PAGE)
    found = shown_incidents(list(page.object_list))
    context = {"page": page, "found": found, "readable": may_read(actor)}
    return render(request, "incidents/incident_list.html", context)


@require_GET
@require(Permission.VIEW_INTERACTIONS)
def incident_strip(request: HttpRequest) -> HttpResponse:
    """Show the running incidents above the board's list."""
    return render(request, "incidents/_strip.html", strip_context(actor_of(request)))


def strip_context(actor: Actor) -> dict[str, Any]:
    found = shown_incidents(list(incidents_running(actor)))
    return {"running": found, "topics": live_topics(actor, found)}


class ChatFilterForm(FilterForm):
    """The filters of an incident's chats."""

    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=[("", gettext_lazy("All")), *OUTCOME_WORDS.items()],
        required=False,
    )
    stage = forms.IntegerField(label=gettext_lazy("Stage"), required=False, min_value=1)


@require_GET
@require(*SEERS)
def incident_detail(request: HttpRequest, incident_id: int) -> HttpResponse:
    return _detail(request, incident_id)


def _detail(
    request: HttpRequest, incident_id: int, *, error: str = "", status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    incident = incident_get(actor, incident_id)
    (shown,) = shown_incidents([incident])
    filters = ChatFilterForm(request.GET)
    chosen = filters.chosen
    targets = filters.only(
        stage_targets(
            actor,
            incident,
            position=chosen.get("stage"),
            outcome=chosen.get("outcome") or "",
        )
    )
    page = numbered_page(request, targets, CHATS_A_PAGE)
    page.object_list = list(page.object_list)
    prefetch_resolutions(target.delivery for target in page.object_list)
    context = {
        "shown": shown,
        "incident": incident,
        "topics": live_topics(actor, [shown]),
        "audience": audience_text(incident.audience),
        "page": page,
        "chats_with_page": _chats_with_page(actor, page),
        "filters": filters,
        "outcome": chosen.get("outcome", ""),
        "stage_chosen": chosen.get("stage"),
        "outcomes": [(name, OUTCOME_WORDS[name]) for name in OUTCOMES],
        "error": error,
        "here": request.get_full_path(),
        **_sends_of(actor, incident),
        **_allowed(actor, shown),
    }
    status = filters.http_status if status == 200 else status
    return render(request, "incidents/incident_detail.html", context, status=status)


def _chats_with_page(actor: Actor, page: Page[StageTarget]) -> set[str]:
    """Return which chats this person can open: those that they see, as long as they are kept."""
    if not actor.may(Permission.VIEW_INTERACTIONS):
        return set()
    ids = [target.interaction_id for target in page.object_list]
    found = interactions_visible(actor, live_only=False).filter(pk__in=ids)
    return set(found.values_list("pk", flat=True))


def _sends_of(actor: Actor, incident: Incident) -> dict[str, Any]:
    if not any(actor.may(each) for each in (*SEND_READERS, Permission.ADMINISTER)):
        return {"sends": [], "more_sends": 0}
    found = sends_seen(actor).filter(incident_id=incident.pk).order_by("-pk")
    shown = list(found.select_related("version__notice")[:SENDS_SHOWN])
    number = found.count() if len(shown) == SENDS_SHOWN else len(shown)
    return {"sends": shown, "more_sends": max(0, number - len(shown))}


def _allowed(actor: Actor, shown: ShownIncident) -> dict[str, Any]:
    """Return what this person may do with the incident now."""
    incident, newest = shown.incident, shown.newest
    stage = newest.stage if newest else None
    controls = any(actor.may(each) for each in CONTROLS) and incident.is_running
    stands = stage is not None and stage.is_standing
    unconfirmed = incident.is_running and incident.is_emergency and incident.confirmed_at is None
    return {
        "readable": may_read(actor),
        "may_close": controls,
        "may_pause": controls and stands and not (stage and stage.is_paused),
        "may_resume": controls and stands and bool(stage and stage.is_paused),
        "may_start": actor.may(Permission.SEND) and incident.paused_at is None,
        "unconfirmed": unconfirmed,
        "may_confirm": unconfirmed
        and actor.may(Permission.APPROVE_SENDS)
        and not has_a_hand_in(actor, incident),
        "may_export": any(actor.may(each) for each in EXPORTERS),
        "may_follow_sends": any(actor.may(each) for each in SEND_READERS),
    }


# --- Stages --------------------------------------------------------------------------------------


@asks
@require(Permission.SEND)
def incident_stage(request: HttpRequest, incident_id: int, position: int) -> HttpResponse:
    """Show what a later stage would do, and start it."""
    actor = actor_of(request)
    incident = incident_get(actor, incident_id)
    content_at(incident, position)
    if request.method != "POST":
        return _stage_page(request, actor, incident, position)
    try:
        promise = seen_promise(request.POST)
        chosen = Choice(expected_plan=promise, undo_seconds=undo_seconds())
        stage_start(actor, incident, position, chosen=chosen)
    except ConsoleError as refusal:
        if refusal.code in TOO_LATE:
            _say_who_was_first(request, actor, incident)
            return redirect("incident-detail", incident_id)
        return _stage_page(request, actor, incident, position, error=refusal.message, status=422)
    name = content_at(incident, position).name
    messages.success(request, _("“%(stage)s” is started.") % {"stage": name})
    return redirect("incident-detail", incident_id)


def _say_who_was_first(request: HttpRequest, actor: Actor, incident: Incident) -> None:
    """Say on the incident's page why the stage was not started by this person."""
    incident.refresh_from_db()
    stage = incident.stages.order_by("-position").first()
    if not incident.is_running:
        words = _("Nothing was sent: %(name)s has closed this incident.")
        messages.info(request, words % {"name": incident.closed_by_name})
    elif stage is not None and stage.actor_ref != actor.ref:
        words = _("Nothing was sent: %(name)s started “%(stage)s” meanwhile. Go on here.")
        named = {"name": stage.actor_name, "stage": StageContent.of(stage.content).name}
        messages.info(request, words % named)


def _stage_page(
    request: HttpRequest,
    actor: Actor,
    incident: Incident,
    position: int,
    *,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    content = content_at(incident, position)
    context = preview_context(actor, content, lambda: stage_plan(actor, incident, position))
    (shown,) = shown_incidents([incident])
    context |= {
        "incident": incident,
        "position": position,
        "newest": shown.newest,
        "error": error,
        "button_words": stage_words(content.name, context.get("plan")),
        "topics": live_topics(actor, [shown]) if context.get("promise") == NOBODY else "",
    }
    return render(request, "incidents/stage.html", context, status=status)


# --- Control -------------------------------------------------------------------------------------


def _switch(
    request: HttpRequest, incident_id: int, act: Callable[[Actor, Incident], object], done: str
) -> HttpResponse:
    actor = actor_of(request)
    incident = incident_get(actor, incident_id)
    try:
        act(actor, incident)
    except ConsoleError as refusal:
        return _detail(request, incident_id, error=refusal.message, status=refusal.status)
    messages.success(request, done)
    return redirect("incident-detail", incident_id)


@require_POST
@require(*CONTROLS)
def incident_pause(request: HttpRequest, incident_id: int) -> HttpResponse:
    done = _("Paused: new chats do not get it until you let it go on.")
    return _switch(request, incident_id, stage_pause, done)


@require_POST
@require(*CONTROLS)
def incident_resume(request: HttpRequest, incident_id: int) -> HttpResponse:
    done = _("New chats that match get it again.")
    return _switch(request, incident_id, stage_resume, done)


@asks
@require(Permission.APPROVE_SENDS)
def confirm_incident(request: HttpRequest, incident_id: int) -> HttpResponse:
    actor = actor_of(request)
    incident = incident_get(actor, incident_id)
    step = Step(
        title=_("Confirm the emergency “%(name)s”?"),
        text=_(
            "It was started without approval. With your confirmation it goes on, and your name "
            "stands beside it. What is paused for want of it goes on as well."
        ),
        button=_("Confirm it"),
        done=_("“%(name)s” is confirmed."),
        is_dangerous=False,
    )
    page = reverse("incident-detail", args=[incident_id])
    return take_step(
        request, step, lambda: incident_confirm(actor, incident), name=incident.title, page=page
    )


class WordForm(forms.Form):
    """How an incident ended."""

    word = TextField(
        label=gettext_lazy("How it ended"),
        max_length=WORD_LENGTH,
        error_messages={"required": gettext_lazy("Say how it ended.")},
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
    )


@asks
@require(*CONTROLS)
def close_incident(request: HttpRequest, incident_id: int) -> HttpResponse:
    actor = actor_of(request)
    incident = incident_get(actor, incident_id)
    form = WordForm(posted(request))

    def close() -> str:
        incident_close(actor, incident, word=form.cleaned_data["word"])
        messages.success(request, _("“%(name)s” is closed.") % {"name": incident.title})
        return reverse("incident-detail", args=[incident_id])

    question = Question(
        place=incident.title,
        title=_("Close “%(name)s”?") % {"name": incident.title},
        texts=(
            _(
                "No new chat gets a text of it from now on. What is on its way still arrives. What "
                "waits for an approval, is paused or is scheduled is called off."
            ),
            *_what_waits(actor, incident),
        ),
        button=_("Close it"),
        back=reverse("incident-detail", args=[incident_id]),
        form=form,
        is_dangerous=False,
    )
    return ask_then(request, question, close)


def _what_waits(actor: Actor, incident: Incident) -> tuple[str, ...]:
    (shown,) = shown_incidents([incident])
    waiting = sum(stage.figures.of(WAITING) for stage in shown.stages)
    if not waiting:
        return ()
    return (_("Still to reach: %(n)s.") % {"n": f"{waiting:,}"},)


@require_POST
@require(*EXPORTERS)
def incident_file(request: HttpRequest, incident_id: int) -> StreamingHttpResponse:
    """Download the file of an incident. That it was made is recorded."""
    actor = actor_of(request)
    return file_download(request, actor, incident_get(actor, incident_id))


def file_download(request: HttpRequest, actor: Actor, incident: Incident) -> StreamingHttpResponse:
    """Return the file of an incident as a response."""
    file = TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        incident_export(actor, incident, file)
    except BaseException:
        file.close()
        raise
    name = f"incident-{incident.pk}.jsonl"
    return download(request, FileParts(file), name=name, content_type="application/x-ndjson")
