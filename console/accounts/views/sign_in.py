"""Signing in and out."""

from typing import Any

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console.accounts.brake import Attempt
from console.accounts.forms import SignInForm


class SignIn(LoginView):
    template_name = "accounts/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """429 after too many attempts, whether the name exists or not."""
        attempt = Attempt(request)
        wait = attempt.seconds_to_wait()
        if wait:
            refused = render(request, "429.html", status=429)
            refused.headers["Retry-After"] = str(wait)
            return refused
        response = super().post(request, *args, **kwargs)
        if request.user.is_authenticated:
            attempt.succeeded()
        return response


class SignOut(LogoutView):
    http_method_names = ["post", "options"]
