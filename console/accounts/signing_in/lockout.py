"""Accounts locked after too many wrong passwords.

django-axes counts failures for each name, whether anybody has it or not, and refuses sign-ins for a
while or until an administrator unlocks the name.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from console.accounts.models import User
from console.accounts.signing_in.login_throttle import plain_name


def tried_name(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Return the name under which axes counts an attempt."""
    named = (credentials or {}).get("username") or request.POST.get("login", "")
    return plain_name(str(named))[:255]


def refuse(
    request: HttpRequest, response: HttpResponse | None, credentials: Mapping[str, Any] | None
) -> HttpResponse:
    """Return the page of a locked account. It is the same for unknown names."""
    minutes = settings.LOCKOUT_MINUTES
    refused = render(request, "accounts/locked.html", {"minutes": minutes}, status=429)
    refused.headers["Retry-After"] = str(minutes * 60)
    return refused


def locked_until(user: User) -> Any:
    """Return when this account is unlocked (datetime), or None if it is not locked."""
    since = timezone.now() - timedelta(minutes=settings.LOCKOUT_MINUTES)
    tried = AccessAttempt.objects.filter(
        username=plain_name(user.username), attempt_time__gte=since
    ).aggregate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
    if (tried["failures"] or 0) < settings.LOCKOUT_FAILURES:
        return None
    return tried["last"] + timedelta(minutes=settings.LOCKOUT_MINUTES)
