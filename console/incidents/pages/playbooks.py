"""Pages of playbooks: the list, the editor, and the review."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console.accounts.approvals.asking import asks_for_key, confirmation_of
from console.accounts.approvals.grades import approval_grades
from console.accounts.own_work import own_refs
from console.actors import Actor, Permission
from console.audit.actions import Action
from console.catalogue.kinds import traits
from console.catalogue.models import NoticeVersion
from console.catalogue.review.side_by_side import Review, review_of
from console.catalogue.selectors import notices
from console.catalogue.states import VersionStatus
from console.database.clock import near_now
from console.editing.confirmation import Step, asks, posted, take_step
from console.editing.saving import form_page, save
from console.errors import ConsoleError, Unconfirmed
from console.incidents.models import Playbook, PlaybookVersion, Reach
from console.incidents.pages.playbook_forms import (
    AUDIENCE_LENGTH,
    LIMITS,
    NewPlaybookForm,
    PlaybookForm,
    StageRow,
    audience_text,
    changed_rows,
    typed_rows,
)
from console.incidents.pins import Pins
from console.incidents.playbook_content import StageContent, matching_now, stage_contents
from console.incidents.selectors import (
    playbook_get,
    playbook_version_get,
    playbook_versions,
    playbooks_visible,
    running_of,
)
from console.incidents.services.playbooks import (
    playbook_create,
    playbook_retire,
    playbook_state,
    version_approve,
    version_reject,
    version_submit,
    version_write,
)
from console.interactions.audience import builder
from console.interactions.audience.audience import Audience
from console.site.access import actor_of, require

NOTICES_OFFERED = 500
OPEN = (VersionStatus.DRAFT, VersionStatus.IN_REVIEW)


# --- The list ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A playbook in the list."""

    playbook: Playbook
    published: PlaybookVersion | None
    open: PlaybookVersion | None
    stages: list[StageContent]
    warnings: list[str]


@require_GET
@require(Permission.VIEW_CATALOGUE)
def playbook_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    listed = [(playbook, _of(playbook)) for playbook in playbooks_visible(actor)]
    pins = Pins(actor, [of.published for _playbook, of in listed if of.published])
    found = [_listed(playbook, of, pins) for playbook, of in listed]
    return render(request, "incidents/playbook_list.html", {"listed": found})


class _Versions(NamedTuple):
    """The versions of a playbook that count. `shown` is the one whose stages are listed."""

    published: PlaybookVersion | None
    open: PlaybookVersion | None
    shown: PlaybookVersion


def _of(playbook: Playbook) -> _Versions:
    versions = list(playbook.versions.all())
    published = next((v for v in versions if v.status == VersionStatus.PUBLISHED), None)
    waiting = next((v for v in versions if v.status in OPEN), None)
    return _Versions(published, waiting, published or waiting or versions[0])


def _listed(playbook: Playbook, of: _Versions, pins: Pins) -> Listed:
    warns = of.published is not None and playbook.retired_at is None
    return Listed(
        playbook,
        of.published,
        of.open,
        stage_contents(of.shown),
        pins.version_warnings(of.shown, near_now()) if warns else [],
    )


# --- One playbook, and its review ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownStage:
    """A stage of a version with its notice's texts, as customers would see them.

    `old` is the notice's version that the published playbook sends at this place, if it is another
    version of the same notice.
    """

    content: StageContent
    pinned: NoticeVersion | None
    old: NoticeVersion | None
    review: Review | None
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A version with its audience in the text form. `before` are the stages of the published
    version, beside which it is reviewed."""

    version: PlaybookVersion
    audience: str
    stages: list[ShownStage]
    old: PlaybookVersion | None
    old_audience: str
    old_stages: list[StageContent]


@require_GET
@require(Permission.VIEW_CATALOGUE)
def playbook_detail(request: HttpRequest, key: str) -> HttpResponse:
    return _detail(request, playbook_get(actor_of(request), key))


def _detail(
    request: HttpRequest, playbook: Playbook, *, error: str = "", status: int = 200
) -> HttpResponse:
    actor = actor_of(request)
    versions = list(playbook_versions(actor, playbook))
    published = next((v for v in versions if v.status == VersionStatus.PUBLISHED), None)
    waiting = next((v for v in versions if v.status in OPEN), None)
    context = {
        "playbook": playbook,
        "published": _shown(actor, published, None) if published else None,
        "undecided": _shown(actor, waiting, published) if waiting else None,
        "decided": [v for v in versions if v not in (published, waiting)],
        "own_refs": own_refs(actor),
        "running": running_of(playbook),
        "grade": _grade(playbook, published),
        "confirm_minutes": settings.EMERGENCY_CONFIRM_MINUTES,
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "incidents/playbook_detail.html", context, status=status)


def _grade(playbook: Playbook, published: PlaybookVersion | None) -> str:
    """Return by what the published version was approved, in words."""
    if published is None:
        return ""
    return approval_grades(Action.PLAYBOOK_APPROVED, [playbook.key]).get(playbook.key, "")


def _shown(actor: Actor, version: PlaybookVersion, old: PlaybookVersion | None) -> Shown:
    pins = Pins(actor, [version, old] if old else [version])
    before = pins.of(old) if old else []
    stages = []
    for place, (content, pinned) in enumerate(
        zip(stage_contents(version), pins.of(version), strict=True)
    ):
        earlier = before[place] if place < len(before) else None
        warnings = pins.warnings(content, near_now())
        stages.append(_shown_stage(actor, content, pinned, earlier, warnings))
    return Shown(
        version,
        audience_text(version.audience),
        stages,
        old,
        audience_text(old.audience) if old else "",
        stage_contents(old) if old else [],
    )


def _shown_stage(
    actor: Actor,
    content: StageContent,
    pinned: NoticeVersion | None,
    earlier: NoticeVersion | None,
    warnings: list[str],
) -> ShownStage:
    is_other = (
        pinned is not None
        and earlier is not None
        and pinned.notice_id == earlier.notice_id
        and pinned.pk != earlier.pk
    )
    old = earlier if is_other else None
    review = review_of(actor, old, pinned) if pinned else None
    return ShownStage(content, pinned, old, review, warnings)


# --- Writing -------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def playbook_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    rows = _pressed_rows(request)
    if rows is not None:
        return _edit_page(request, NewPlaybookForm(rows=rows, given=_typed(request)), status=200)
    form = NewPlaybookForm(posted(request) and _typed(request))

    def create(values: dict[str, Any]) -> PlaybookVersion:
        of = {name: values[name] for name in ("title", "key", "team")}
        return playbook_create(actor, content=form.content, **of)

    version = save(form, create)
    if version is not None:
        messages.success(request, _("Saved as a draft. Submit it when it is ready."))
        return redirect("playbook-detail", version.playbook.key)
    return _edit_page(request, form)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def playbook_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Write the next version, or go on with one's draft."""
    actor = actor_of(request)
    playbook = playbook_get(actor, key)

    def saved_now() -> dict[str, Any]:
        newest = playbook_versions(actor, playbook).first()
        return playbook_state(newest) if newest else {}

    rows = _pressed_rows(request)
    if rows is not None:
        form = PlaybookForm(state=saved_now(), rows=rows, given=_typed(request))
        return _edit_page(request, form, playbook, status=200)
    form = PlaybookForm(posted(request) and _typed(request), state=saved_now())
    version = save(
        form,
        lambda values: version_write(actor, playbook, form.content, expected=values["expected"]),
        saved_now=saved_now,
    )
    if version is not None:
        messages.success(request, _("Saved as a draft. Submit it when it is ready."))
        return redirect("playbook-detail", key)
    return _edit_page(request, form, playbook)


def _typed(request: HttpRequest) -> QueryDict:
    """Return what was typed. If the audience's rows were changed last, their text is its text."""
    if request.POST.get("audience_from") != "rows" or builder.HAS_ROWS not in request.POST:
        return request.POST
    typed = request.POST.copy()
    typed["audience"] = builder.of_inputs(actor_of(request), request.POST.dict()).text
    return typed


def _pressed_rows(request: HttpRequest) -> list[StageRow] | None:
    """Return the rows after a button for rows, or of the copy in the browser that is put back; None
    if another button was pressed."""
    change = request.POST.get("rows", "")
    if not change and "put_back" not in request.POST:
        return None
    return changed_rows(typed_rows(request.POST), change)


def _edit_page(
    request: HttpRequest,
    form: PlaybookForm,
    playbook: Playbook | None = None,
    *,
    status: int | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    offered = notices(actor).filter(retired_at=None).order_by("key")[:NOTICES_OFFERED]
    context = {
        "playbook": playbook,
        "reaches": Reach.choices,
        "limits": LIMITS,
        "offered": [notice for notice in offered if traits(notice.kind).is_sent],
        "emergency_is_possible": bool(settings.EMERGENCY_CONFIRM_MINUTES),
        **_affected(actor, builder.of_text(actor, str(form["audience"].value() or ""))),
    }
    if form.errors.get("audience"):
        context["audience_error"] = " ".join(map(str, form.errors["audience"]))
    template = "incidents/playbook_edit.html"
    if status is not None:
        return render(request, template, {"form": form, **context}, status=status)
    return form_page(request, template, form, **context)


@require_GET
@require(Permission.EDIT_CATALOGUE)
def playbook_matching(request: HttpRequest) -> HttpResponse:
    """Say what an audience means, and how many live chats match it now. The rows follow what was
    typed, and the text follows the rows."""
    actor = actor_of(request)
    has_rows = builder.HAS_ROWS in request.GET
    if has_rows:
        shown = builder.of_inputs(actor, request.GET.dict())
    else:
        shown = builder.of_text(actor, request.GET.get("audience", "")[:AUDIENCE_LENGTH])
    context = {**_affected(actor, shown), "text_too": has_rows}
    return render(request, "incidents/_affected_answer.html", context)


def _affected(actor: Actor, shown: builder.Builder) -> dict[str, Any]:
    """Return the context of incidents/_affected.html."""
    return {"builder": shown, "audience_text": shown.text, **_matching(actor, shown.text)}


def _matching(actor: Actor, text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        audience = Audience.from_text(text)
        audience.to_condition(actor)
        may_count = actor.may(Permission.VIEW_INTERACTIONS)
        number = matching_now(actor, audience) if may_count else None
    except ConsoleError as refusal:
        return {"audience_error": refusal.message}
    return {"matching_text": audience.to_text(), "matching": number}


# --- Deciding ------------------------------------------------------------------------------------


def _decide(
    request: HttpRequest, key: str, act: Callable[[Actor], object], done: str
) -> HttpResponse:
    """Carry out a decision on a version. A refusal is shown on the playbook's page."""
    actor = actor_of(request)
    playbook = playbook_get(actor, key)
    try:
        act(actor)
    except Unconfirmed:
        raise
    except ConsoleError as refusal:
        return _detail(request, playbook, error=refusal.message, status=refusal.status)
    messages.success(request, done)
    return redirect("playbook-detail", key)


@require_POST
@require(Permission.EDIT_CATALOGUE)
def submit_playbook(request: HttpRequest, key: str, number: int) -> HttpResponse:
    def submit(actor: Actor) -> object:
        return version_submit(actor, playbook_version_get(actor, key, number))

    return _decide(request, key, submit, _("Submitted. An approver who is not you decides on it."))


@require_POST
@require(Permission.REVIEW_CATALOGUE)
@asks_for_key(lambda key, number: reverse("playbook-detail", args=[key]))
def approve_playbook(request: HttpRequest, key: str, number: int) -> HttpResponse:
    def approve(actor: Actor) -> object:
        version = playbook_version_get(actor, key, number)
        return version_approve(actor, version, confirmation=confirmation_of(request))

    return _decide(request, key, approve, _("Published. Supervisors can start it from now on."))


@require_POST
@require(Permission.REVIEW_CATALOGUE)
def reject_playbook(request: HttpRequest, key: str, number: int) -> HttpResponse:
    def reject(actor: Actor) -> object:
        version = playbook_version_get(actor, key, number)
        return version_reject(actor, version, reason=request.POST.get("reason", ""))

    return _decide(request, key, reject, _("Sent back to its author with your reason."))


@asks
@require(Permission.REVIEW_CATALOGUE)
def retire_playbook(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    playbook = playbook_get(actor, key)
    step = Step(
        title=_("Retire %(name)s?"),
        text=_(
            "Nobody can start it any more, for good. Incidents that run go on, and what they sent "
            "stays in the history."
        ),
        button=_("Retire it"),
        done=_("%(name)s is retired."),
    )
    page = reverse("playbook-detail", args=[key])
    return take_step(
        request, step, lambda: playbook_retire(actor, playbook), name=playbook.title, page=page
    )
