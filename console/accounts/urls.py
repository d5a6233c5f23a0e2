"""URLs of signing in and out, of one's own account, and of people, teams and API clients."""

from django.urls import path

from console.accounts.pages import api_clients, directory, own_account, people, sign_in, teams

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
    path("people/", people.user_list, name="user-list"),
    path("people/new/", people.user_new, name="user-create"),
    path("people/<int:user_id>/", people.user_detail, name="user-detail"),
    path("people/<int:user_id>/password/", people.user_password, name="user-password"),
    path("people/<int:user_id>/sign-out/", people.user_sign_out, name="user-sign-out"),
    path("people/<int:user_id>/deactivate/", people.user_close, name="user-deactivate"),
    path("people/<int:user_id>/release/", people.user_unlock, name="user-release"),
    path(
        "people/<int:user_id>/second-factor/",
        people.user_factors_reset,
        name="user-second-factor-reset",
    ),
    path("people/<int:user_id>/reactivate/", people.user_open, name="user-reactivate"),
    path("teams/", teams.team_list, name="team-list"),
    path("teams/new/", teams.team_new, name="team-create"),
    path("teams/<int:team_id>/", teams.team_detail, name="team-detail"),
    path("teams/<int:team_id>/delete/", teams.team_remove, name="team-delete"),
    path("api-clients/", api_clients.api_client_list, name="api-client-list"),
    path("api-clients/new/", api_clients.api_client_new, name="api-client-create"),
    path("api-clients/<int:client_id>/", api_clients.api_client_detail, name="api-client-detail"),
    path(
        "api-clients/<int:client_id>/token/",
        api_clients.api_client_token,
        name="api-client-token",
    ),
    path(
        "api-clients/<int:client_id>/confirm/",
        api_clients.api_client_confirmation,
        name="api-client-confirm",
    ),
    path(
        "api-clients/<int:client_id>/decline/",
        api_clients.api_client_declining,
        name="api-client-decline",
    ),
    path(
        "api-clients/<int:client_id>/deactivate/",
        api_clients.api_client_close,
        name="api-client-deactivate",
    ),
    path(
        "api-clients/<int:client_id>/reactivate/",
        api_clients.api_client_open,
        name="api-client-reactivate",
    ),
    # 404 if no directory is set up.
    path("accounts/directory/login/", directory.directory_login, name="directory-login"),
    path(
        "accounts/directory/login/callback/",
        directory.directory_callback,
        name="directory-callback",
    ),
    path("account/directory/", directory.directory_account_page, name="account-directory"),
    path(
        "account/directory/begin/", directory.directory_link_begin, name="account-directory-begin"
    ),
    path("account/directory/link/", directory.directory_link, name="account-directory-link"),
    path("account/directory/undo/", directory.directory_unlink, name="account-directory-undo"),
    # If there is no directory, the page that leads here explains the alternatives.
    path("accounts/confirm/directory/", directory.directory_confirm, name="directory-confirm"),
    path(
        "accounts/confirm/directory/begin/",
        directory.directory_confirm_begin,
        name="directory-confirm-begin",
    ),
]
