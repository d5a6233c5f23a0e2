"""Pages of signing in and out, and of one's own account."""

from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.urls import path

from console.accounts.views import own_account, sign_in

# django-allauth finds its pages by these names.
urlpatterns = [
    path("accounts/login/", sign_in.SignIn.as_view(), name="account_login"),
    path("accounts/logout/", sign_in.SignOut.as_view(), name="account_logout"),
    path("accounts/second-factor/", sign_in.GiveSecondFactor.as_view(), name="mfa_authenticate"),
    path("accounts/confirm/", sign_in.Confirm.as_view(), name="account_reauthenticate"),
    path("accounts/confirm/code/", sign_in.ConfirmByCode.as_view(), name="mfa_reauthenticate"),
    path(
        "accounts/confirm/key/",
        sign_in.ConfirmByKey.as_view(),
        name="mfa_reauthenticate_webauthn",
    ),
    path("account/", own_account.account, name="account"),
    path("account/sessions/end/", own_account.end_sessions, name="account-sessions-end"),
    path("account/password/", own_account.ChangePassword.as_view(), name="account_change_password"),
    path("account/second-factor/", own_account.SecondFactors.as_view(), name="mfa_index"),
    path("account/second-factor/app/", own_account.AddApp.as_view(), name="mfa_activate_totp"),
    path(
        "account/second-factor/app/remove/",
        own_account.RemoveApp.as_view(),
        name="mfa_deactivate_totp",
    ),
    path("account/second-factor/key/", own_account.AddKey.as_view(), name="mfa_add_webauthn"),
    path(
        "account/second-factor/key/<int:pk>/remove/",
        own_account.RemoveKey.as_view(),
        name="mfa_remove_webauthn",
    ),
    path(
        "account/second-factor/codes/",
        own_account.RecoveryCodes.as_view(),
        name="mfa_view_recovery_codes",
    ),
    path(
        "account/second-factor/codes/new/",
        own_account.NewRecoveryCodes.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    # 404 where no directory is set up.
    path(
        "accounts/<str:provider_id>/login/",
        sign_in.by_directory(openid_connect.login),
        name="openid_connect_login",
    ),
    path(
        "accounts/<str:provider_id>/login/callback/",
        sign_in.by_directory(openid_connect.callback),
        name="openid_connect_callback",
    ),
]
