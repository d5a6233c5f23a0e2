"""What the ledger tells of people, teams and API clients (console.audit.state.kinds)."""

from collections.abc import Sequence
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db.models import Count

from console.accounts.models import ApiClient, Team, User
from console.audit.actions import Action
from console.audit.state.kinds import Kind, declare, pass_over

OFTEN = "changes without a decision of anybody's, with each use"

# Of recovery codes each is used up by itself, without an entry.
FACTORS = ("totp", "webauthn")


def _teams(pks: Sequence[int]) -> dict[int, list[int]]:
    found = User.teams.through.objects.filter(user_id__in=pks).order_by("team_id")
    return _listed(found.values_list("user_id", "team_id"))


def _directory(pks: Sequence[int]) -> dict[int, list[str]]:
    found = SocialAccount.objects.filter(user_id__in=pks).order_by("provider", "uid")
    return _listed(
        (user, f"{provider}:{uid}")
        for user, provider, uid in found.values_list("user_id", "provider", "uid")
    )


def _second_factors(pks: Sequence[int]) -> dict[int, list[str]]:
    found = Authenticator.objects.filter(user_id__in=pks, type__in=FACTORS)
    counted = found.values("user_id", "type").annotate(n=Count("pk")).order_by("type")
    return _listed((each["user_id"], f"{each['type']} {each['n']}") for each in counted)


def _listed(pairs: Any) -> dict[int, list[Any]]:
    listed: dict[int, list[Any]] = {}
    for pk, value in pairs:
        listed.setdefault(pk, []).append(value)
    return listed


USER = declare(
    Kind(
        name="user",
        label="person",
        model=User,
        made_by=frozenset({Action.USER_CREATED}),
        fields=(
            *("username", "first_name", "last_name", "email", "roles"),
            *("is_active", "is_superuser", "is_staff"),
        ),
        more={"teams": _teams, "directory": _directory, "second_factors": _second_factors},
        passed_over={
            "password": "a secret, which a sign-in may hash anew without an entry",
            "must_change_password": "asks for a password, and gives no right",
            "session_stamp": "changes with each end of all sessions, and gives no right",
            "last_login": OFTEN,
            "date_joined": "the entry of the creation has its own time",
        },
        older=lambda user: [("user", str(user.pk), {})],
        called=lambda user: str(user.username),
    )
)
TEAM = declare(
    Kind(
        name="team",
        label="team",
        model=Team,
        made_by=frozenset({Action.TEAM_CREATED}),
        fields=("name", "queues"),
        passed_over={},
        older=lambda team: [("team", str(team.pk), {})],
    )
)
API_CLIENT = declare(
    Kind(
        name="api_client",
        label="API client",
        model=ApiClient,
        made_by=frozenset({Action.API_CLIENT_CREATED}),
        fields=(
            *("name", "owner_id", "scopes", "pending_scopes", "allowed_notices"),
            *("pending_notices", "proposed_by_ref", "proposed_by_name", "proposed_at"),
            *("confirmed_by_ref", "confirmed_by_name", "confirmed_at"),
            *("addresses", "expires_at", "is_active", "previous_token_until"),
            *("token_hash", "previous_token_hash"),
        ),
        hidden=frozenset({"token_hash", "previous_token_hash"}),
        passed_over={
            "created_at": "the entry of the creation has its own time",
            "last_used_at": OFTEN,
            "refused_at": OFTEN,
        },
        older=lambda client: [("api_client", str(client.pk), {})],
    )
)

pass_over(
    {
        "accounts.ApprovalQuestion": "asked of a key a moment ago; the approval has an entry",
        "accounts.RateCount": "counts requests for some minutes",
        "accounts.SharedValue": "a cache",
        "accounts.User_teams": "compared as the teams of a person",
        "accounts.User_groups": "Django's; the console gives no right by it",
        "accounts.User_user_permissions": "Django's; the console gives no right by it",
        "account.EmailAddress": "django-allauth's; nobody signs in by it",
        "account.EmailConfirmation": "django-allauth's; nobody signs in by it",
        "auth.Group": "Django's; the console gives no right by it",
        "auth.Group_permissions": "Django's; the console gives no right by it",
        "auth.Permission": "Django's; the console gives no right by it",
        "axes.AccessAttempt": "failed sign-ins of the last hours; each has an entry of its own",
        "axes.AccessAttemptExpiration": "the same",
        "axes.AccessFailureLog": "the same",
        "axes.AccessLog": "the same",
        "contenttypes.ContentType": "Django's list of models",
        "mfa.Authenticator": "compared as the second factors of a person; the rest is a secret",
        "procrastinate.ProcrastinateEvent": "the workers' jobs",
        "procrastinate.ProcrastinateJob": "the workers' jobs",
        "procrastinate.ProcrastinatePeriodicDefer": "the workers' jobs",
        "procrastinate.ProcrastinateWorker": "the workers' jobs",
        "sessions.Session": "who is signed in at the moment; each sign-in has an entry",
        "socialaccount.SocialAccount": "compared as the directory of a person",
        "socialaccount.SocialApp": "not used: the directory is in the settings",
        "socialaccount.SocialToken": "not used",
        "usersessions.UserSession": "who is signed in at the moment; each sign-in has an entry",
    }
)
