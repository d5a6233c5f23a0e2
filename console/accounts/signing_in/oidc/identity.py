"""A person's identity, read from the directory's claims."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from console.accounts.signing_in.oidc.refusals import DirectoryRefusal
from console.accounts.signing_in.oidc.tokens import moment
from console.text.visible import is_blank, is_one_line

SUBJECT_LIMIT = 255  # of OpenID Connect Core
CLAIM_LIMIT = 1000
# Values of `amr` (RFC 8176) by the kind of factor that they prove. Two methods of one kind are one
# factor. A one-time code proves possession, and so does a key or a card.
FACTORS = {
    "knowledge": {"pwd", "pin", "kba"},
    "possession": {"otp", "hwk", "swk", "sc", "sms", "tel", "pop"},
    "inherence": {"fpt", "face", "iris", "retina", "vbm"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person according to the directory.

    `subject` is their permanent id there. `groups` is None if there is no claim of groups.
    `two_factors` says that the directory asked for two factors. `signed_in_at` is when it asked
    last, in seconds since 1970, if known. `id_token` and `end_session` are for signing out there.
    """

    subject: str
    username: str
    first_name: str
    last_name: str
    groups: tuple[str, ...] | None
    two_factors: bool
    signed_in_at: float | None
    id_token: str
    end_session: str

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.first_name, self.last_name))) or self.username


def read_subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not _is_text(subject) or is_blank(subject) or not is_one_line(subject):
        raise DirectoryRefusal("subject", f"sub is {type(subject).__name__}")
    if len(subject) > SUBJECT_LIMIT:
        raise DirectoryRefusal("subject", f"sub has {len(subject)} characters")
    return subject


def read_identity(
    claims: Mapping[str, Any],
    *,
    groups_claim: str,
    acr: Iterable[str],
    id_token: str,
    end_session: str,
) -> Identity:
    """Read the claims. Raises DirectoryRefusal for a claim that has not its standard type."""
    subject = read_subject(claims)
    said_acr = _text(claims, "acr", subject)
    groups = _texts(claims, groups_claim, subject)
    signed_in_at = moment(claims["auth_time"]) if "auth_time" in claims else None
    if "auth_time" in claims and signed_in_at is None:
        raise DirectoryRefusal("claims", "auth_time is no time", subject=subject)
    return Identity(
        subject=subject,
        username=_text(claims, "preferred_username", subject) or subject,
        first_name=_text(claims, "given_name", subject)[:150],
        last_name=_text(claims, "family_name", subject)[:150],
        groups=groups,
        two_factors=said_acr in set(acr) or proves_two(_texts(claims, "amr", subject) or ()),
        signed_in_at=signed_in_at,
        id_token=id_token,
        end_session=end_session,
    )


def proves_two(methods: Iterable[str]) -> bool:
    """Return whether these methods prove more than one factor."""
    given = set(methods)
    return "mfa" in given or sum(bool(given & kind) for kind in FACTORS.values()) > 1


def _text(claims: Mapping[str, Any], name: str, subject: str) -> str:
    value = claims.get(name)
    if value is None:
        return ""
    if not _is_text(value) or len(value) > CLAIM_LIMIT:
        raise DirectoryRefusal("claims", f"{name} is no text", subject=subject)
    return value


def _texts(claims: Mapping[str, Any], name: str, subject: str) -> tuple[str, ...] | None:
    """Return a claim that is a list of texts. Some directories write a list of one as its item."""
    value = claims.get(name)
    if value is None:
        return None
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(map(_is_text, listed)):
        raise DirectoryRefusal("claims", f"{name} is no list of texts", subject=subject)
    return tuple(listed)


def _is_text(value: Any) -> TypeGuard[str]:
    """Return whether the value is text without lone surrogates, which only JSON can carry."""
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)
