"""The code flow (OpenID Connect Core 1.0, section 3.1), with PKCE and a nonce."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any
from urllib.parse import quote_plus, urlencode

from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from django.conf import settings

from console.accounts.signing_in.oidc.fetching import Fetcher
from console.accounts.signing_in.oidc.identity import Identity, read_identity, read_subject
from console.accounts.signing_in.oidc.refusals import DirectoryRefusal
from console.accounts.signing_in.oidc.tokens import verify
from console.security.hosts import is_protected

WELL_KNOWN = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
OPTIONAL_ENDPOINTS = ("userinfo_endpoint", "end_session_endpoint")


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in in progress: what the answer must match."""

    nonce: str
    verifier: str


@contextmanager
def _fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(settings.DIRECTORY.ca)
    try:
        yield fetcher
    finally:
        fetcher.close()


def begin(*, state: str, comes_back_to: str, again: bool) -> tuple[str, Begun]:
    """Return the address for the browser, and what to store until it comes back.

    With `again` the directory has to authenticate the person anew, even within its own session.
    """
    chosen = settings.DIRECTORY
    with _fetcher() as fetcher:
        endpoint = _discover(fetcher)["authorization_endpoint"]
    challenge = generate_code_challenge()
    begun = Begun(nonce=token_urlsafe(24), verifier=challenge.pop("code_verifier"))
    query = {
        "response_type": "code",
        "client_id": chosen.client_id,
        "redirect_uri": comes_back_to,
        "scope": " ".join(chosen.scopes),
        "state": state,
        "nonce": begun.nonce,
        **challenge,
        **({"acr_values": " ".join(chosen.acr)} if chosen.acr else {}),
        **({"prompt": "login", "max_age": "0"} if again else {}),
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", begun


def finish(answer: Mapping[str, str], begun: Begun, *, comes_back_to: str) -> Identity:
    """Return who has come back with the query `answer`. Raises DirectoryRefusal."""
    error = answer.get("error", "")
    if error == "access_denied":
        raise DirectoryRefusal("cancelled", error)
    if error or not answer.get("code"):
        raise DirectoryRefusal("authorization_refused", error or "no code")
    chosen = settings.DIRECTORY
    with _fetcher() as fetcher:
        known = _discover(fetcher)
        if answer.get("iss", known["issuer"]) != known["issuer"]:  # RFC 9207
            raise DirectoryRefusal("wrong_issuer", answer["iss"])
        given = _tokens(fetcher, known, answer["code"], begun, comes_back_to)
        id_token = given["id_token"]
        claims = verify(
            id_token,
            fetcher.get(known["jwks_uri"], "keys"),
            issuer=known["issuer"],
            client_id=chosen.client_id,
            nonce=begun.nonce,
        )
        subject = read_subject(claims)
        # The signed token's claims override those of userinfo.
        claims = {**_userinfo(fetcher, known, given, subject), **claims}
    return read_identity(
        claims,
        groups_claim=chosen.groups_claim,
        acr=chosen.acr,
        id_token=id_token,
        end_session=known.get("end_session_endpoint") or "",
    )


def sign_out_address(identity: Identity, *, comes_back_to: str) -> str:
    """Return where the directory ends its session (RP-Initiated Logout 1.0), or "" if it can't."""
    if not identity.end_session:
        return ""
    query = {"id_token_hint": identity.id_token, "client_id": settings.DIRECTORY.client_id}
    if settings.DIRECTORY.returns:  # a directory that does not know this address refuses
        query["post_logout_redirect_uri"] = comes_back_to
    joint = "&" if "?" in identity.end_session else "?"
    return f"{identity.end_session}{joint}{urlencode(query)}"


def _discover(fetcher: Fetcher) -> dict[str, Any]:
    """Return the directory's metadata. It is fetched each time, since keys and addresses change."""
    url = settings.DIRECTORY.url
    known = fetcher.get(url if "/.well-known/" in url else url + WELL_KNOWN, "configuration")
    issuer = known.get("issuer")
    if not isinstance(issuer, str) or issuer.rstrip("/") != url.partition("/.well-known/")[0]:
        raise DirectoryRefusal("issuer", f"{issuer!r}")
    for name in ENDPOINTS + OPTIONAL_ENDPOINTS:
        address = known.get(name)
        if address is None and name in OPTIONAL_ENDPOINTS:
            continue
        if not isinstance(address, str):
            raise DirectoryRefusal("configuration", f"no {name}")
        if not is_protected(address):
            raise DirectoryRefusal("unprotected", f"{name} {address}")
    return known


def _tokens(
    fetcher: Fetcher, known: dict[str, Any], code: str, begun: Begun, comes_back_to: str
) -> dict[str, Any]:
    chosen = settings.DIRECTORY
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": comes_back_to,
        "code_verifier": begun.verifier,
    }
    options: dict[str, Any] = {"data": form}
    if _by_basic(known):
        options["auth"] = (quote_plus(chosen.client_id), quote_plus(chosen.secret))
    else:
        form |= {"client_id": chosen.client_id, "client_secret": chosen.secret}
    status, given = fetcher.ask("POST", known["token_endpoint"], "token_answer", **options)
    if status != 200:
        raise DirectoryRefusal("code_refused", f"status {status}, {given.get('error', 'no JSON')}")
    if not isinstance(given.get("id_token"), str):
        raise DirectoryRefusal("token_answer", "no id_token")
    return given


def _by_basic(known: dict[str, Any]) -> bool:
    """Return whether the secret goes into a header; into the form if the directory accepts both."""
    methods = known.get("token_endpoint_auth_methods_supported", [])
    if not isinstance(methods, list):
        raise DirectoryRefusal("configuration", "token_endpoint_auth_methods_supported is no list")
    return "client_secret_post" not in methods and "client_secret_basic" in methods


def _userinfo(
    fetcher: Fetcher, known: dict[str, Any], given: dict[str, Any], subject: str
) -> dict[str, Any]:
    """Return the claims of userinfo; empty if the directory has no such endpoint."""
    url = known.get("userinfo_endpoint")
    if url is None:
        return {}
    token = given.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise DirectoryRefusal("token_answer", "no access_token")
    said = fetcher.get(url, "userinfo", headers={"Authorization": f"Bearer {token}"})
    if said.get("sub") != subject:
        raise DirectoryRefusal("other_subject", "userinfo has another sub than the id_token")
    return said
