"""The way to the organisation's directory and back: what a browser's session keeps meanwhile.

The exchange itself is in console.accounts.signing_in.oidc, and what follows of it in the services.
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
SIGNED_IN = "directory_sign_out"  # of a session: where the directory ends its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What for somebody goes to the directory, who is signed in here then (None: nobody), and where
    they go afterwards. `began` is in seconds since 1970, `begun` what the answer has to fit to."""

    purpose: str
    user: int | None
    leads_to: str
    began: float
    begun: Begun


def directories() -> list[dict[str, str]]:
    """The directories that the sign-in page offers: one where CONSOLE_OIDC_URL is set."""
    if not settings.DIRECTORY.url:
        return []
    return [{"name": settings.DIRECTORY.name, "address": reverse("directory-login")}]


def can_confirm_there(user: User) -> bool:
    """Whether this person can prove at the directory who they are."""
    return bool(settings.DIRECTORY.url) and directory_account(user) is not None


def leave(request: HttpRequest, purpose: str, leads_to: str = "") -> str:
    """The address at the directory. Who is to confirm is asked there again."""
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
    """On which errand this browser comes back. Raises DirectoryRefusal for one that was not sent
    from here, or is back already."""
    state = request.GET.get("state", "")
    kept = statekit.unstash_state(request, provider_id=PROVIDER, state_id=state)
    if kept is None or "begun" not in kept:  # one that an older release has sent
        raise DirectoryRefusal("unknown_state")
    return Errand(**{**kept, "begun": Begun(**kept["begun"])})


def identify(request: HttpRequest, errand: Errand) -> Identity:
    """Whom the directory has sent back. Raises DirectoryRefusal."""
    return finish(request.GET.dict(), errand.begun, comes_back_to=_callback(request))


def _callback(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("directory-callback"))
