"""Pages to export the catalogue as a file, and to import a file."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from console.actors import Permission
from console.catalogue.models import ImportJob, ImportStatus
from console.catalogue.transfer.catalogue_export_record import catalogue_export
from console.catalogue.transfer.files.formats import CONTENT_TYPES
from console.catalogue.transfer.jobs.control import import_job_confirm, import_job_start
from console.catalogue.transfer.jobs.selectors import (
    import_job_get,
    import_jobs,
    refused_csv,
    report_rows,
)
from console.editing.paging import numbered_page
from console.errors import ConsoleError
from console.site.access import actor_of, require
from console.text.form_fields import FilterForm

ROWS_A_PAGE = 100
ALL = "all"
OUTCOMES = {
    "refused": _("Refused"),
    "changed": _("Changed"),
    "created": _("New"),
    "unchanged": _("Left as it is"),
}
FORMAT_WORDS = {
    "xlsx": _("Excel (.xlsx)"),
    "csv": _("CSV, for any spreadsheet"),
    "json": _("JSON, for programs and for comparing"),
}


class RowFilterForm(FilterForm):
    """The rows of an import to show. The default is the refused rows, if there are any."""

    outcome = forms.ChoiceField(
        label=_("Outcome"), choices=[(ALL, _("All")), *OUTCOMES.items()], required=False
    )


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        label=_("Form"), choices=list(FORMAT_WORDS.items()), widget=forms.RadioSelect
    )


class ImportForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV in UTF-8, XLSX or JSON, as an export has it."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.xlsx,.json", "class": "input"}),
        error_messages={"required": _("Choose a file."), "empty": _("This file is empty.")},
    )


@require_http_methods(["GET", "POST"])
@require(Permission.VIEW_CATALOGUE)
def export_page(request: HttpRequest) -> HttpResponse:
    """Choose a format, then download the file."""
    form = ExportForm(request.POST or None, initial={"format": "xlsx"})
    status, error = 200, ""
    if request.method == "POST":
        if form.is_valid():
            try:
                return _download(request, form.cleaned_data["format"])
            except ConsoleError as refusal:
                error = refusal.message
        status = 422
    context = {"form": form, "error": error, "chosen": form["format"].value()}
    return render(request, "catalogue/export.html", context, status=status)


def _download(request: HttpRequest, form: str) -> HttpResponse:
    name = f"catalogue-{timezone.localtime():%Y-%m-%d-%H%M}.{form}"
    content, _rows = catalogue_export(actor_of(request), file_name=name)
    return HttpResponse(
        content,
        content_type=CONTENT_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def import_page(request: HttpRequest) -> HttpResponse:
    """Upload a file, which is only checked at first."""
    actor = actor_of(request)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            job = import_job_start(actor, file_name=file.name, content=file.read())
        except ConsoleError as refusal:
            form.add_error("file", refusal.message)
        else:
            return redirect("import-detail", job.pk)
    context = {
        "form": form,
        "jobs": import_jobs(actor),
        "megabytes": settings.IMPORT_LIMIT // 1_000_000,
        "rows": settings.IMPORT_ROW_LIMIT,
    }
    return render(request, "catalogue/import.html", context, status=422 if form.errors else 200)


@require_GET
@require(Permission.EDIT_CATALOGUE)
def import_detail(request: HttpRequest, job_id: int) -> HttpResponse:
    """Show the progress; then what the import would do, row by row; then what it did."""
    return _detail(request, import_job_get(actor_of(request), job_id))


@require_GET
@require(Permission.EDIT_CATALOGUE)
def import_progress(request: HttpRequest, job_id: int) -> HttpResponse:
    """Show only the progress. When it is over, the page is reloaded."""
    job = import_job_get(actor_of(request), job_id)
    response = render(request, "catalogue/_import_progress.html", {"job": job})
    if not job.is_running:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@require(Permission.EDIT_CATALOGUE)
def import_confirm(request: HttpRequest, job_id: int) -> HttpResponse:
    actor = actor_of(request)
    job = import_job_get(actor, job_id)
    try:
        import_job_confirm(actor, job, skip_refused="skip_refused" in request.POST)
    except ConsoleError as refusal:
        return _detail(request, job, error=refusal.message, status=refusal.status)
    return redirect("import-detail", job.pk)


@require_GET
@require(Permission.EDIT_CATALOGUE)
def import_refused(request: HttpRequest, job_id: int) -> HttpResponse:
    """Return the refusals as CSV."""
    job = import_job_get(actor_of(request), job_id)
    return HttpResponse(
        refused_csv(job),
        content_type=CONTENT_TYPES["csv"],
        headers={"Content-Disposition": f'attachment; filename="refused-{job.pk}.csv"'},
    )


def _detail(
    request: HttpRequest, job: ImportJob, *, error: str = "", status: int = 200
) -> HttpResponse:
    counts = job.counts
    filters = RowFilterForm(request.GET)
    outcome = filters.chosen.get("outcome") or ("refused" if counts.get("refused") else ALL)
    rows = [] if filters.error else report_rows(job, "" if outcome == ALL else outcome)
    context: dict[str, Any] = {
        "job": job,
        "error": error,
        "filters": filters,
        "outcome": outcome,
        "tabs": [(name, words, counts.get(name, 0)) for name, words in OUTCOMES.items()],
        "page": numbered_page(request, rows, ROWS_A_PAGE),
        "writes": counts.get("created", 0) + counts.get("changed", 0),
        "is_checked": job.status == ImportStatus.CHECKED,
        "outcome_words": OUTCOMES,
    }
    status = filters.http_status if status == 200 else status
    return render(request, "catalogue/import_detail.html", context, status=status)
