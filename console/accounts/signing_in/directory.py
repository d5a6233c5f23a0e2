"""Leaving for the organisation's directory and returning from it, with the state in the session.

The exchange itself is in console.accounts.signing_in.oidc, its consequences are in the services.
"""

from dataclasses import asdict, dataclass
from secrets import token_urlsafe

from allauth.socialaccount.internal import statekit
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from console.accounts.models import User
from console.accounts.selectors import directory_account
from console.accounts.services.directory import PROVIDER
from console.accounts.signing_in.oidc import Begun, DirectoryRefusal, Identity, begin, finish
from console.database.clock import near_now

SIGN_IN, CONFIRM, LINK = "sign in", "confirm", "link"
SIGNED_IN = "directory_sign_out"  # key in a session: where the directory ends its own session


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A visit to the directory: its purpose, the person signed in here at its start (None for
    nobody), and the page that follows.

    `began` is in seconds since 1970; `begun` is what the answer must match.
    """

    purpose: str
    user: int | None
    leads_to: str
    began: float
    begun: Begun


def directories() -> list[dict[str, str]]:
    """Return the directories on the sign-in page: one if CONSOLE_OIDC_URL is set, else none."""
    if not settings.DIRECTORY.url:
        return []
    return [{"name": settings.DIRECTORY.name, "address": reverse("directory-login")}]


def can_confirm_there(user: User) -> bool:
    """Return whether this person can confirm their identity at the directory."""
    return bool(settings.DIRECTORY.url) and directory_account(user) is not None


def leave(request: HttpRequest, purpose: str, leads_to: str = "") -> str:
    """Start a visit, and return the directory's address.

    For a confirmation it asks the person again.
    """
    state = token_urlsafe(24)
    address, begun = begin(state=state, comes_back_to=_callback(request), again=purpose == CONFIRM)
    errand = Errand(
        purpose=purpose,
        user=request.user.pk,
        leads_to=leads_to,
        began=near_now().timestamp(),
        begun=begun,
    )
    statekit.stash_state(request, provider_id=PROVIDER, state=asdict(errand), state_id=state)
    return address


def come_back(request: HttpRequest) -> Errand:
    """Return the visit from which this browser comes back.

    Raises DirectoryRefusal if it did not start here, or has ended already.
    """
    state = request.GET.get("state", "")
    kept = statekit.unstash_state(request, provider_id=PROVIDER, state_id=state)
    if kept is None or "begun" not in kept:  # an older release started it
        raise DirectoryRefusal("unknown_state")
    return Errand(**{**kept, "begun": Begun(**kept["begun"])})


def identify(request: HttpRequest, errand: Errand) -> Identity:
    """Return whom the directory has identified. Raises DirectoryRefusal."""
    return finish(request.GET.dict(), errand.begun, comes_back_to=_callback(request))


def _callback(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("directory-callback"))
