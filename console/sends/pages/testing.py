"""The page on which an author sends an unpublished version to test chats, and what became of it."""

import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from console.actors import Actor, Permission
from console.catalogue.models import NoticeVersion
from console.catalogue.pages.questions import questions_of, typed_answers
from console.catalogue.selectors import notice_get, version_get
from console.database import notifications
from console.errors import ConsoleError
from console.interactions.selectors import chats_for_tests
from console.sends.models import LIVE_STATUSES
from console.sends.plan.testable import may_test
from console.sends.plan.testing import CHATS_MOST, send_test_create
from console.sends.selectors import sending_stopped, tests_of
from console.site.access import actor_of, require

TESTS_SHOWN = 10


@require_http_methods(["GET", "POST"])
@require(Permission.EDIT_CATALOGUE)
def version_test(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Choose test chats and send the version to them."""
    actor = actor_of(request)
    version = version_get(actor, notice_get(actor, key), number)
    refusal: ConsoleError | None = None
    if request.method == "POST":
        try:
            send_test_create(
                actor,
                version,
                interactions=request.POST.getlist("interaction"),
                answers=typed_answers(request.POST, key),
                idempotency_key=request.POST.get("idempotency_key"),
            )
        except ConsoleError as error:
            refusal = error
        else:
            return redirect("version-test", key, number)
    return _page(request, actor, version, refusal)


@require_GET
@require(Permission.EDIT_CATALOGUE)
def version_test_outcomes(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """The outcomes alone, for a page that stays open."""
    actor = actor_of(request)
    version = version_get(actor, notice_get(actor, key), number)
    return render(request, "sends/_test_outcomes.html", _outcomes(actor, version))


def _page(
    request: HttpRequest, actor: Actor, version: NoticeVersion, refusal: ConsoleError | None
) -> HttpResponse:
    field = str(refusal.details.get("field", "")) if refusal else ""
    typed = typed_answers(request.POST, version.notice.key)
    refused = {field: refusal.message} if refusal else {}
    chats = list(chats_for_tests(actor)[: CHATS_MOST + 1])
    chosen = request.POST.getlist("interaction") or [chat.pk for chat in chats[:1]]
    context = {
        "version": version,
        "notice": version.notice,
        "may_test": may_test(actor, version),
        "chats": chats,
        "chosen": set(chosen),
        "answers_for": version.notice.key,
        "questions": questions_of(version, typed, refused),
        "idempotency_key": secrets.token_urlsafe(16),
        "error": refusal.message if refusal else "",
        "stopped": sending_stopped(),
        "has_customer_page": bool(settings.DEMO_SIMULATORS),
        **_outcomes(actor, version),
    }
    return render(request, "sends/version_test.html", context, status=422 if refusal else 200)


def _outcomes(actor: Actor, version: NoticeVersion) -> dict[str, Any]:
    sends = list(tests_of(actor, version)[:TESTS_SHOWN])
    running = [send.pk for send in sends if send.status in LIVE_STATUSES]
    return {
        "version": version,
        "notice": version.notice,
        "tests": sends,
        "topics": " ".join(map(notifications.send_topic, running)),
        "has_customer_page": bool(settings.DEMO_SIMULATORS),
    }
