"""Pages of one's own exports: their progress, and their files."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.database.clock import near_now
from console.errors import ConsoleError
from console.exports.downloads import export_response
from console.exports.files.formats import CONTENT_TYPES
from console.exports.models import ExportJob
from console.exports.orders import Order, is_small
from console.exports.selectors import EXPORTERS, export_get, exports_of
from console.exports.services import export_now, export_order, export_remove
from console.exports.subjects import subjects_of
from console.site.access import actor_of, require
from console.site.downloads import download


def answer_order(request: HttpRequest, order: Order) -> HttpResponseBase:
    """Answer with the file if the list is short; otherwise order it, and lead to its page."""
    actor = actor_of(request)
    if is_small(actor, order):
        parts = export_now(actor, order=order)
        name = order.file_name(near_now())
        return download(request, parts, name=name, content_type=CONTENT_TYPES[order.format])
    try:
        job = export_order(actor, order=order)
    except ConsoleError as refusal:
        return _list(request, error=refusal.message, status=refusal.status)
    return redirect("export-detail", job.pk)


@require_GET
@require(*EXPORTERS)
def export_list(request: HttpRequest) -> HttpResponse:
    return _list(request)


def _list(request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    actor = actor_of(request)
    context = {"jobs": exports_of(actor), "subjects": subjects_of(actor), "error": error}
    return render(request, "exports/list.html", context, status=status)


@require_GET
@require(*EXPORTERS)
def export_detail(request: HttpRequest, export_id: int) -> HttpResponse:
    """Show how far an export is; then its file."""
    return _detail(request, export_get(actor_of(request), export_id))


@require_GET
@require(*EXPORTERS)
def export_progress(request: HttpRequest, export_id: int) -> HttpResponse:
    """Show only the progress. When it is over, the page is reloaded."""
    job = export_get(actor_of(request), export_id)
    response = render(request, "exports/_progress.html", {"job": job})
    if not job.is_in_work:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@require(*EXPORTERS)
def export_cancel(request: HttpRequest, export_id: int) -> HttpResponse:
    """Cancel an export, or delete its file."""
    actor = actor_of(request)
    export_remove(actor, export_get(actor, export_id))
    return redirect("export-list")


@require_POST
@require(*EXPORTERS)
def export_file(request: HttpRequest, export_id: int) -> HttpResponse | StreamingHttpResponse:
    actor = actor_of(request)
    job = export_get(actor, export_id)
    try:
        return export_response(request, actor, job)
    except ConsoleError as refusal:
        return _detail(request, job, error=refusal.message, status=refusal.status)


def _detail(
    request: HttpRequest, job: ExportJob, *, error: str = "", status: int = 200
) -> HttpResponse:
    return render(request, "exports/detail.html", {"job": job, "error": error}, status=status)
