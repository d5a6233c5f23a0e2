"""Pages of the catalogue: notices and their review."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console.accounts.approvals.asking import asks_for_key, confirmation_of
from console.accounts.approvals.grades import approval_grades
from console.accounts.own_work import own_refs
from console.actors import Actor, Permission
from console.audit.actions import Action
from console.catalogue.content.favourites import favourite_set
from console.catalogue.content.notices import (
    notice_create,
    notice_restore,
    notice_retire,
    notice_state,
    notice_update,
)
from console.catalogue.content.versions import version_approve, version_reject, version_submit
from console.catalogue.models import CannedNotice, NoticeVersion, VersionStatus
from console.catalogue.pages.editor import edit_page, posted_preview, save_version
from console.catalogue.pages.forms import NoticeForm, NoticeSettingsForm
from console.catalogue.review.remarks import version_checks
from console.catalogue.review.side_by_side import review_of
from console.catalogue.selectors import categories, notice_get, version_get, versions
from console.catalogue.usage import ENDS_SOON, favourite_ids, version_uses
from console.editing.confirmation import posted
from console.editing.saving import form_page, save
from console.errors import ConsoleError, Unconfirmed
from console.site.access import actor_of, require


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def notice_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = NoticeForm(posted(request))
    notice = save(form, lambda values: notice_create(actor, **values))
    if notice is not None:
        return redirect("notice-edit", notice.key)
    return form_page(request, "catalogue/notice_new.html", form, categories=categories(actor))


@require_GET
@require(Permission.VIEW_CATALOGUE)
def notice_detail(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    return _detail(request, actor, notice_get(actor, key))


def _detail(
    request: HttpRequest,
    actor: Actor,
    notice: CannedNotice,
    *,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    found = list(versions(actor, notice))
    by_status = {version.status: version for version in reversed(found)}
    published, in_review = (
        by_status.get(status) for status in (VersionStatus.PUBLISHED, VersionStatus.IN_REVIEW)
    )
    context = {
        "notice": notice,
        "versions": found,
        "decided": [version for version in found if version.status not in UNDECIDED],
        "published": published,
        "scheduled": by_status.get(VersionStatus.SCHEDULED),
        "draft": by_status.get(VersionStatus.DRAFT),
        "in_review": in_review,
        "own_refs": own_refs(actor) if in_review else [],
        "review": review_of(actor, published, in_review) if in_review else None,
        "uses": version_uses(actor, notice),
        "grades": _grades(notice, found),
        "starred": notice.pk in favourite_ids(actor),
        "ends_soon": _ends_soon(found),
        "checks": version_checks(found),
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "catalogue/notice_detail.html", context, status=status)


def _grades(notice: CannedNotice, found: list[NoticeVersion]) -> dict[int, str]:
    """Return by what the versions were approved, in words, by their ids."""
    refs = {f"{notice.key}/{version.number}": version.pk for version in found}
    grades = approval_grades(Action.VERSION_APPROVED, refs)
    return {refs[ref]: words for ref, words in grades.items()}


# The page shows these above the other versions.
UNDECIDED = (VersionStatus.DRAFT, VersionStatus.IN_REVIEW, VersionStatus.SCHEDULED)


def _ends_soon(found: list[NoticeVersion]) -> datetime | None:
    """Return when the published version ends, if that is soon."""
    for version in found:
        until = version.valid_until
        if version.status == VersionStatus.PUBLISHED and until is not None:
            return until if until < timezone.now() + ENDS_SOON else None
    return None


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def notice_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Write the next version, or continue the draft."""
    actor = actor_of(request)
    notice = notice_get(actor, key)
    if request.method == "GET":
        return edit_page(request, actor, notice)
    return save_version(request, actor, notice)


@require_POST
@require(Permission.EDIT_CATALOGUE)
def notice_preview(request: HttpRequest, key: str) -> HttpResponse:
    """Show the present input as a chosen chat would get it. Writes nothing."""
    actor = actor_of(request)
    context = posted_preview(request, actor, notice_get(actor, key))
    return render(request, "catalogue/_preview.html", context)


def _decide(
    request: HttpRequest, key: str, act: Callable[[Actor, CannedNotice], object], done: str
) -> HttpResponse:
    """Carry out a decision on a notice or a version. A refusal is shown on the notice's page."""
    actor = actor_of(request)
    notice = notice_get(actor, key)
    try:
        act(actor, notice)
    except Unconfirmed:
        raise
    except ConsoleError as refusal:
        return _detail(request, actor, notice, error=refusal.message, status=refusal.status)
    messages.success(request, done)
    return redirect("notice-detail", key)


@require_POST
@require(Permission.EDIT_CATALOGUE)
def submit_version(request: HttpRequest, key: str, number: int) -> HttpResponse:
    def submit(actor: Actor, notice: CannedNotice) -> object:
        return version_submit(actor, version_get(actor, notice, number))

    return _decide(request, key, submit, _("Submitted. An approver who is not you decides on it."))


@require_POST
@require(Permission.REVIEW_CATALOGUE)
@asks_for_key(lambda key, number: reverse("notice-detail", args=[key]))
def approve_version(request: HttpRequest, key: str, number: int) -> HttpResponse:
    def approve(actor: Actor, notice: CannedNotice) -> object:
        version = version_get(actor, notice, number)
        return version_approve(actor, version, confirmation=confirmation_of(request))

    notice = notice_get(actor_of(request), key)
    version = version_get(actor_of(request), notice, number)
    done = _("Published. Supervisors can send it from now on.")
    if version.valid_from is not None and version.valid_from > timezone.now():
        done = _("Approved. It takes its place by itself when its time comes.")
    return _decide(request, key, approve, done)


@require_POST
@require(Permission.REVIEW_CATALOGUE)
def reject_version(request: HttpRequest, key: str, number: int) -> HttpResponse:
    def reject(actor: Actor, notice: CannedNotice) -> object:
        version = version_get(actor, notice, number)
        return version_reject(actor, version, reason=request.POST.get("reason", ""))

    return _decide(request, key, reject, _("Sent back to its author with your reason."))


@require_POST
@require(Permission.REVIEW_CATALOGUE)
def notice_end(request: HttpRequest, key: str) -> HttpResponse:
    done = _("Retired. Nobody can send it until it is restored; what was sent is in the history.")
    return _decide(request, key, notice_retire, done)


@require_POST
@require(Permission.REVIEW_CATALOGUE)
def notice_back(request: HttpRequest, key: str) -> HttpResponse:
    return _decide(request, key, notice_restore, _("Restored, with the words that it had."))


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def notice_settings(request: HttpRequest, key: str) -> HttpResponse:
    """Change how a notice is found, and its team."""
    actor = actor_of(request)
    notice = notice_get(actor, key)
    form = NoticeSettingsForm(posted(request), notice=notice)
    if save(
        form,
        lambda values: notice_update(
            actor, notice, **{**values, "tags": values["tags"].split(",")}
        ),
        saved_now=lambda: notice_state(notice_get(actor, key)),
    ):
        messages.success(request, _("Saved."))
        return redirect("notice-detail", key)
    return form_page(
        request,
        "catalogue/notice_settings.html",
        form,
        notice=notice_get(actor, key),
        categories=categories(actor),
    )


@require_POST
@require(Permission.VIEW_CATALOGUE)
def notice_favourite(request: HttpRequest, key: str) -> HttpResponse:
    """Star a notice, or remove its star. Respond to htmx with the new star, otherwise redirect to
    the page that it was on."""
    actor = actor_of(request)
    notice = notice_get(actor, key)
    wanted = request.POST.get("wanted") == "1"
    favourite_set(actor, notice, wanted=wanted)
    if request.htmx:  # type: ignore[attr-defined]
        shown = {"key": notice.key, "title": notice.title, "starred": wanted}
        context = {**shown, "back": request.POST.get("back", "")}
        return render(request, "catalogue/_star.html", context)
    return redirect("notice-list" if request.POST.get("back") == "list" else notice_url(notice))


def notice_url(notice: CannedNotice) -> str:
    return reverse("notice-detail", args=[notice.key])
