"""Pages of signing in and out."""

from django.urls import path

from console.accounts import views

urlpatterns = [
    path("accounts/login/", views.SignIn.as_view(), name="login"),
    path("accounts/logout/", views.SignOut.as_view(), name="logout"),
]
