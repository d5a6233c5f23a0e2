"""Pages of signing in and out."""

from django.urls import path

from console.accounts.views import sign_in

urlpatterns = [
    path("accounts/login/", sign_in.SignIn.as_view(), name="login"),
    path("accounts/logout/", sign_in.SignOut.as_view(), name="logout"),
]
