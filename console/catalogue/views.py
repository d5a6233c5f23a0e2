"""Pages of the catalogue: notices, their review, and visibility presets."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console.access import actor_of, require
from console.actors import Actor, Permission
from console.catalogue.editing import edit_page, preview_context, save_version
from console.catalogue.forms import NoticeFilterForm, NoticeForm, PresetForm
from console.catalogue.models import CannedNotice, VersionStatus
from console.catalogue.selectors import (
    categories,
    notice_get,
    notices,
    preset_get,
    presets,
    version_get,
    versions,
)
from console.catalogue.services import (
    notice_create,
    notice_retire,
    preset_create,
    preset_update,
    version_approve,
    version_reject,
    version_submit,
)
from console.errors import ConsoleError

NOTICES_A_PAGE = 50


@require_GET
@require(Permission.VIEW_CATALOGUE)
def notice_list(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = NoticeFilterForm(request.GET)
    chosen = form.cleaned_data if form.is_valid() else {}
    page = Paginator(notices(actor, **chosen), NOTICES_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "form": form,
        "filtered": any(chosen.values()),
        "categories": categories(actor),
    }
    return render(request, "catalogue/notice_list.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def notice_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = NoticeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            notice = notice_create(actor, **form.cleaned_data)
        except ConsoleError as refusal:
            form.add_error(_field_of(refusal, form.fields), refusal.message)
        else:
            return redirect("notice-edit", notice.key)
    context = {"form": form, "categories": categories(actor)}
    status = 422 if form.errors else 200
    return render(request, "catalogue/notice_new.html", context, status=status)


def _field_of(refusal: ConsoleError, fields: Any) -> str | None:
    """The field that a refusal speaks of, by its details or by its code's first word."""
    named = refusal.details.get("field")
    if named in fields:
        return str(named)
    code = refusal.code.replace("invalid_", "").replace("_taken", "").replace("_missing", "")
    return code if code in fields else None


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
    context = {
        "notice": notice,
        "versions": found,
        "published": by_status.get(VersionStatus.PUBLISHED),
        "draft": by_status.get(VersionStatus.DRAFT),
        "in_review": by_status.get(VersionStatus.IN_REVIEW),
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "catalogue/notice_detail.html", context, status=status)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def notice_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Write the next version, or go on with the draft."""
    actor = actor_of(request)
    notice = notice_get(actor, key)
    if request.method == "GET":
        return edit_page(request, actor, notice)
    return save_version(request, actor, notice)


@require_POST
@require(Permission.EDIT_CATALOGUE)
def notice_preview(request: HttpRequest, key: str) -> HttpResponse:
    """What is being written, as a chosen chat would get it. Writes nothing."""
    actor = actor_of(request)
    context = preview_context(request, actor, notice_get(actor, key))
    return render(request, "catalogue/_preview.html", context)


def _decide(
    request: HttpRequest, key: str, act: Callable[[Actor, CannedNotice], object], done: str
) -> HttpResponse:
    """One decision on a notice or a version; a refusal is said on the page of the notice."""
    actor = actor_of(request)
    notice = notice_get(actor, key)
    try:
        act(actor, notice)
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
def approve_version(request: HttpRequest, key: str, number: int) -> HttpResponse:
    def approve(actor: Actor, notice: CannedNotice) -> object:
        return version_approve(actor, version_get(actor, notice, number))

    return _decide(request, key, approve, _("Published. Supervisors can send it from now on."))


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
    done = _("Retired. Nobody can send it any more; what was sent stays in the history.")
    return _decide(request, key, notice_retire, done)


@require_GET
@require(Permission.VIEW_CATALOGUE)
def preset_list(request: HttpRequest) -> HttpResponse:
    context = {"presets": presets(actor_of(request))}
    return render(request, "catalogue/preset_list.html", context)


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def preset_new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = PresetForm(request.POST or None)
    return _save_preset(request, form, lambda values: preset_create(actor, **values))


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def preset_edit(request: HttpRequest, preset_id: int) -> HttpResponse:
    actor = actor_of(request)
    preset = preset_get(actor, preset_id)
    initial = {name: getattr(preset, name) for name in PresetForm.base_fields}
    form = PresetForm(request.POST or None, initial=initial)
    return _save_preset(
        request, form, lambda values: preset_update(actor, preset, **values), initial
    )


def _save_preset(
    request: HttpRequest,
    form: PresetForm,
    save: Callable[[dict[str, Any]], object],
    known: dict[str, Any] | None = None,
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            save(form.cleaned_data)
        except ConsoleError as refusal:
            form.add_error(_field_of(refusal, form.fields), refusal.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("preset-list")
    context = {"form": form, "known": known}
    status = 422 if form.errors else 200
    return render(request, "catalogue/preset_form.html", context, status=status)
