"""Liveness, readiness and metrics of the console, for load balancers and monitors."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from console.audit.metrics import LedgerMetrics
from console.notifications.metrics import NotificationMetrics
from console.sends.observe import operations
from console.sends.observe.metrics import site_registry
from console.sends.observe.scraping import refusal
from console.sends.observe.troubles import troubles
from console.site.version import console_version
from console.webhooks.metrics import WebhookMetrics


@login_not_required
def alive(request: HttpRequest) -> JsonResponse:
    """GET /healthz: the process responds."""
    return JsonResponse({"status": "alive"})


@login_not_required
def ready(request: HttpRequest) -> JsonResponse:
    """GET /readyz: the database responds and is migrated, including the queue. Shows the version.

    The number of live workers and the troubles are included and do not matter for the status:
    pages and API work meanwhile, and sends wait.
    """
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            return _answer(503, status="migrations missing", next_step="run manage.py migrate")
        found = [{"code": each.code, "message": str(each)} for each in troubles()]
        return _answer(200, status="ready", queue=_queue(), troubles=found)
    except DatabaseError:
        return _answer(503, status="database unreachable")


def _answer(code: int, **facts: Any) -> JsonResponse:
    return JsonResponse({**facts, "version": console_version()}, status=code)


def _queue() -> dict[str, Any]:
    alive = [worker for worker in operations.workers() if not worker.is_lost]
    if not alive:
        return {"workers": 0, "next_step": "start manage.py worker: nothing is sent without one"}
    newest = min(worker.silent_seconds for worker in alive)
    return {"workers": len(alive), "newest_heartbeat_seconds": round(newest, 1)}


@require_safe
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics: metrics from the database, in Prometheus' text format."""
    refused = refusal(request.META)
    if refused is not None:
        status, words = refused
        answer = HttpResponse(f"{words}\n", status=status, content_type="text/plain")
        if status == 401:
            answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return answer
    try:
        text = generate_latest(
            site_registry(WebhookMetrics(), NotificationMetrics(), LedgerMetrics())
        )
    except DatabaseError:
        return HttpResponse("The database is away.\n", status=503, content_type="text/plain")
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)
