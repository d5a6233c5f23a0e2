"""The way from the board to a running incident: choose a playbook, say why, start."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console.actors import Actor, Permission
from console.catalogue.models import NoticeVersion
from console.catalogue.pages.questions import questions_of as shown_questions
from console.catalogue.pages.questions import typed_answers
from console.catalogue.states import VersionStatus
from console.database.clock import near_now
from console.errors import Conflict, ConsoleError
from console.incidents.models import Incident, Playbook, PlaybookVersion
from console.incidents.pages.playbook_forms import audience_text
from console.incidents.pages.stage_preview import preview_context, seen_promise, start_words
from console.incidents.pins import Pins
from console.incidents.playbook_content import notice_versions, questions_of, stage_contents
from console.incidents.selectors import (
    playbook_get,
    running_among,
    running_of,
    startable_playbooks,
)
from console.incidents.services.incidents import (
    WHY_LENGTH,
    incident_start,
    start_plan,
    start_version,
)
from console.incidents.services.stages import Choice, undo_seconds
from console.site.access import actor_of, require
from console.text.form_fields import LineField


class StartForm(forms.Form):
    """Why an incident is started, and how. `version` is the playbook's that the person saw.

    The answers to the notices' questions are read beside it, as on the board.
    """

    why = LineField(
        label=gettext_lazy("What happened"),
        max_length=WHY_LENGTH,
        help_text=gettext_lazy("One sentence, for your colleagues and for the history."),
        error_messages={"required": gettext_lazy("Say what happened.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    is_emergency = forms.BooleanField(
        label=gettext_lazy("Emergency: send without waiting for approval"), required=False
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    @property
    def answers(self) -> dict[str, str]:
        """What was typed, without what was left empty."""
        data = self.data if isinstance(self.data, QueryDict) else QueryDict()
        typed = typed_answers(data, data.get("answers_for", ""))
        return {name: value for name, value in typed.items() if value}

    @property
    def takes_emergency(self) -> bool:
        return bool(self["is_emergency"].value())


@require_GET
@require(Permission.SEND)
def incident_new(request: HttpRequest) -> HttpResponse:
    """Choose a playbook. One that runs leads to its incident."""
    actor = actor_of(request)
    found = list(startable_playbooks(actor))
    running = running_among(found)
    choices = [
        (
            playbook,
            running.get(playbook.pk),
            stage_contents(next(v for v in playbook.versions.all() if _is_published(v))),
        )
        for playbook in found
    ]
    return render(request, "incidents/incident_new.html", {"choices": choices})


def _is_published(version: PlaybookVersion) -> bool:
    return version.status == VersionStatus.PUBLISHED


@require_http_methods(["GET", "HEAD", "POST"])
@require(Permission.SEND)
def playbook_start(request: HttpRequest, key: str) -> HttpResponse:
    """Start a playbook. A refusal keeps all that was typed; who comes second is led to the incident
    that runs."""
    actor = actor_of(request)
    playbook = playbook_get(actor, key)
    running = running_of(playbook)
    if running is not None:
        return _runs(request, running)
    version = start_version(playbook)
    if request.method != "POST":
        form = StartForm(initial={"version": version.number})
        return _page(request, actor, version, form)
    form = StartForm(request.POST)
    if not form.is_valid():
        return _page(request, actor, version, form, status=422)
    try:
        _require_seen(version, form.cleaned_data["version"])
        incident = _start(actor, playbook, form, request.POST)
    except ConsoleError as refusal:
        running = running_of(playbook) if refusal.code == "incident_running" else None
        if running is not None:
            return _runs(request, running)
        return _page(request, actor, version, form, refusal=refusal, status=422)
    messages.success(request, _("“%(title)s” is started.") % {"title": incident.title})
    return redirect("incident-detail", incident.pk)


def _runs(request: HttpRequest, running: Incident) -> HttpResponse:
    words = _("%(name)s started this playbook already. This is its incident: go on here.")
    messages.info(request, words % {"name": running.actor_name})
    return redirect("incident-detail", running.pk)


def _require_seen(version: PlaybookVersion, seen: int | None) -> None:
    if version.number != seen:
        raise Conflict(
            "playbook_changed",
            "Not started: version {number} of the playbook was published meanwhile. Look at it "
            "below, then start it.",
            number=version.number,
        )


def _start(actor: Actor, playbook: Playbook, form: StartForm, data: QueryDict) -> Incident:
    return incident_start(
        actor,
        playbook,
        why=form.cleaned_data["why"],
        answers=form.answers,
        chosen=Choice(expected_plan=seen_promise(data), undo_seconds=undo_seconds()),
        is_emergency=form.cleaned_data["is_emergency"],
    )


@require_POST
@require(Permission.SEND)
def playbook_start_preview(request: HttpRequest, key: str) -> HttpResponse:
    """Show what the typed start would do. Writes nothing."""
    actor = actor_of(request)
    version = start_version(playbook_get(actor, key))
    context = _preview(actor, version, StartForm(request.POST))
    return render(request, "incidents/_start_preview.html", context)


def _page(
    request: HttpRequest,
    actor: Actor,
    version: PlaybookVersion,
    form: StartForm,
    *,
    refusal: ConsoleError | None = None,
    status: int = 200,
) -> HttpResponse:
    refused = refusal.by_field if refusal else {}
    known = {name: words for name, words in refused.items() if name in form.fields}
    for name, words in known.items():
        form.add_error(name, words)
    pinned = notice_versions(actor, version)
    questions = questions_of(pinned)
    names = {question["name"] for question in questions}
    is_placed = bool(known) or bool(names & set(refused))
    context = {
        "playbook": version.playbook,
        "version": version,
        "form": form,
        "questions": shown_questions(NoticeVersion(fields=questions), form.answers, refused),
        "stages": stage_contents(version),
        "audience": audience_text(version.audience),
        "warnings": Pins(actor, [version]).version_warnings(version, near_now()),
        "error": refusal.message if refusal and not is_placed else "",
        "may_emergency": _may_emergency(version),
        "seen": version.number,
        "belongs_to": reverse("incident-list"),
        **_preview(actor, version, form),
    }
    return render(request, "incidents/start.html", context, status=status)


def _may_emergency(version: PlaybookVersion) -> bool:
    return bool(settings.EMERGENCY_CONFIRM_MINUTES) and version.is_for_emergency


def _preview(actor: Actor, version: PlaybookVersion, form: StartForm) -> dict[str, Any]:
    is_emergency = form.takes_emergency and _may_emergency(version)
    context = preview_context(
        actor,
        stage_contents(version)[0],
        lambda: start_plan(actor, version, answers=form.answers, is_emergency=is_emergency),
    )
    content = context["content"]
    words = start_words(version.playbook.title, content.name, context.get("plan"))
    return {
        **context,
        "button_words": words,
        "takes_emergency": is_emergency,
        "confirm_minutes": settings.EMERGENCY_CONFIRM_MINUTES,
    }
