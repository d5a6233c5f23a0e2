"""Pages on which somebody approves: the security key is asked for, and its answer is read."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console.accounts.approvals.stating import KINDS, Confirmation, Grade, KeyNeeded
from console.accounts.approvals.writing import approval_ask, key_answer_read
from console.accounts.roles import Role
from console.accounts.signing_in.addresses import sender_address
from console.audit.verify import APPROVALS
from console.site.access import actor_of

ANSWER = "credential"
LONGEST_ANSWER = 10_000
# Of the form, what the page does not send once more.
OF_THE_PAGE = {"csrfmiddlewaretoken", ANSWER}


def confirmation_of(request: HttpRequest) -> Confirmation:
    """Return how the person in this session confirms what they approve now: by their security key,
    if the browser sent its answer. Raises PermissionRefused if that is not accepted."""
    key = request.session.session_key or ""
    given = request.POST.get(ANSWER, "")
    answer = None
    if given:
        address = sender_address(request)
        answer = key_answer_read(actor_of(request), _read(given), session=key, address=address)
    return Confirmation(session_grade(request), key, answer)


def session_grade(request: HttpRequest) -> Grade:
    """Return the grade of what is confirmed by this session alone."""
    records = get_authentication_records(request, request.user)
    methods = {record["method"] for record in records}
    for method, grade in (
        ("mfa", Grade.SECOND_FACTOR),
        ("socialaccount", Grade.DIRECTORY),
        ("password", Grade.PASSWORD),
    ):
        if method in methods:
            return grade
    return Grade.SESSION


def _read(given: str) -> object:
    try:
        return json.loads(given) if len(given) <= LONGEST_ANSWER else None
    except ValueError:
        return None


def asks_for_key(back: Callable[..., str]) -> Callable[[Any], Any]:
    """Let a view ask for the approver's security key where a service needs it (KeyNeeded), with all
    that was posted. `back` returns the address of the thing, of the view's arguments."""

    def decorate(view: Any) -> Any:
        @wraps(view)
        def asking(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                answer: HttpResponse = view(request, *args, **kwargs)
            except KeyNeeded as needed:
                return _ask(request, needed, back(*args, **kwargs))
            return answer

        return asking

    return decorate


def _roles(roles: Any) -> list[str]:
    """Return the labels of the roles that somebody is to have."""
    given = roles["to"] if isinstance(roles, dict) else roles or ()
    return [str(Role(role).label) for role in given]


def _ask(request: HttpRequest, needed: KeyNeeded, back: str) -> HttpResponse:
    site = request.get_host().partition(":")[0]
    options = approval_ask(
        actor_of(request), needed, session=request.session.session_key or "", site=site
    )
    _what, label = KINDS[APPROVALS[str(needed.record.action)]]
    kept = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in OF_THE_PAGE
        for value in values
    ]
    kind, ref, name = needed.record.target
    context = {
        "label": label,
        "name": name,
        "ref": ref if kind == "version" else "",
        "number": needed.record.data.get("version") if kind == "playbook" else None,
        "roles": _roles(needed.record.data.get("roles")) if kind == "user" else [],
        "kept": kept,
        "back": back,
        "js_data": {"request_options": options},
    }
    return render(request, "accounts/approve_by_key.html", context)
