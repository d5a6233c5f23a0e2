"""Whether the console is alive, and whether it can serve: for load balancers and monitors."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse


@login_not_required
def alive(request: HttpRequest) -> JsonResponse:
    """GET /healthz: the process answers."""
    return JsonResponse({"status": "alive"})


@login_not_required
def ready(request: HttpRequest) -> JsonResponse:
    """GET /readyz: the database answers and is migrated, the queue's tables included."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return JsonResponse({"status": "database unreachable"}, status=503)
    if waiting:
        return JsonResponse(
            {"status": "migrations missing", "next_step": "run manage.py migrate"}, status=503
        )
    return JsonResponse({"status": "ready"})
