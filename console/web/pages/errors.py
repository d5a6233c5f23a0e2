"""Responses to errors that no view handles: pages for people, JSON below /api/."""

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from console.database.failures import RETRY_SECONDS, is_passing
from console.site.problems import API, body, too_large
from console.text.sentences import Sentence, term
from console.text.wording import worded


def _answer(request: HttpRequest, status: int, code: str, said: Sentence) -> HttpResponse:
    if request.path.startswith(API):
        return JsonResponse(body(code, said), status=status)
    context = {"status": status, "code": code, "message": worded(said)}
    return render(request, "errors/console_error.html", context, status=status)


def too_large_request(request: HttpRequest) -> HttpResponse:
    return _answer(request, 413, "body_too_large", too_large())


def length_required(request: HttpRequest) -> HttpResponse:
    said = term("The body came in chunks, which this server can't read. Send its Content-Length.")
    return _answer(request, 411, "length_required", said)


def too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    said = (
        term("Too many calls in so short a time. Try again in {seconds} s.", seconds=seconds)
        if request.path.startswith(API)
        else term("Too many pages in so short a time. Try again in {seconds} s.", seconds=seconds)
    )
    answer = _answer(request, 429, "too_many_requests", said)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def misdirected(request: HttpRequest, part: str, served: list[str]) -> HttpResponse:
    said = term(
        "This process serves {served} alone, and this address belongs to {part}. The proxy has to "
        "lead it to a process that serves these.",
        served=served,
        part=part,
    )
    return _answer(request, 421, "other_process", said)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(
        request, 400, "bad_request", term("The request could not be read. Nothing was done.")
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, "permission_refused", term("You may not do this."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(API):
        return _answer(request, 404, "not_found", term("There is nothing at this address."))
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Respond without anything that could fail again: no database, no context processor."""
    error = sys.exc_info()[1]
    if error is not None and is_passing(error):
        return _database_away(request)
    message = "The console failed. The failure is logged. Look whether it happened, then try again."
    if request.path.startswith(API):
        return JsonResponse(body("failed", message), status=500)
    return HttpResponse(render_to_string("500.html"), status=500)


def _database_away(request: HttpRequest) -> HttpResponse:
    message = "The database does not answer, or is busy. Look whether it happened, then try again."
    answer: HttpResponse
    if request.path.startswith(API):
        answer = JsonResponse(body("database_unavailable", message), status=503)
    else:
        answer = HttpResponse(render_to_string("503.html"), status=503)
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(
        request,
        403,
        "csrf_failed",
        term(
            "This form is from before you signed in anew, or cookies are blocked. Nothing of it "
            "was done. Open its page again: what you wrote there is offered to you, if the browser "
            "kept it."
        ),
    )
