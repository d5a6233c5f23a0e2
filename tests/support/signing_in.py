"""A test client that somebody is signed in with, as after name, password and second factor."""

from django.test import Client

from console.accounts.models import User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def sign_in(client: Client, user: User, *methods: str) -> Client:
    """`methods` as django-allauth records them; with none, all that a person may need."""
    client.force_login(user, backend=BACKEND)
    session = client.session
    session["account_authentication_methods_user"] = str(user.pk)
    session["account_authentication_methods"] = [
        {"method": method, "at": 0.0} for method in methods or ("password", "mfa")
    ]
    session.save()
    return client
