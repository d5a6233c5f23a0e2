"""Verifies the directory's id_token (OpenID Connect Core 1.0, section 3.1.3.7)."""

from typing import Any

import jwt
from jwt.exceptions import InvalidSubjectError

from console.accounts.signing_in.oidc.refusals import DirectoryRefusal

# Asymmetric algorithms only: the directory alone has the private key.
KINDS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
ALGORITHMS = frozenset(name for names in KINDS.values() for name in names)
LAST_SECOND = 253_402_300_799  # of the year 9999: later values are invalid
LEEWAY_SECONDS = 60  # allowed difference between its clock and ours
# PyJWT raises its own errors for most bad tokens, and these for stranger ones.
ODD = (ValueError, TypeError, OverflowError, RecursionError, AttributeError, KeyError)


def verify(
    token: str, keys: dict[str, Any], *, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """Return the claims of a token that one of `keys` (a JWK Set) signed for this very sign-in."""
    key, algorithm = _key_of(token, keys)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "aud", "exp", "iat", "sub"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise DirectoryRefusal("expired", str(error)) from error
    except jwt.ImmatureSignatureError as error:
        raise DirectoryRefusal("not_yet", str(error)) from error
    except jwt.InvalidIssuerError as error:
        raise DirectoryRefusal("wrong_issuer", str(error)) from error
    except jwt.InvalidAudienceError as error:
        raise DirectoryRefusal("audience", str(error)) from error
    except jwt.InvalidSignatureError as error:
        raise DirectoryRefusal("signature", str(error)) from error
    except InvalidSubjectError as error:
        raise DirectoryRefusal("subject", str(error)) from error
    except jwt.MissingRequiredClaimError as error:
        raise DirectoryRefusal(MISSING.get(error.claim, "token_answer"), str(error)) from error
    except (jwt.PyJWTError, *ODD) as error:
        raise DirectoryRefusal("token_answer", f"{type(error).__name__}: {error}") from error
    if claims.get("azp", client_id) != client_id:
        raise DirectoryRefusal("audience", f"azp {claims['azp']!r}")
    if claims.get("nonce") != nonce:
        raise DirectoryRefusal("nonce", "none" if "nonce" not in claims else "another")
    return claims


MISSING = {"iss": "wrong_issuer", "aud": "audience", "sub": "subject"}


def _key_of(token: str, keys: dict[str, Any]) -> tuple[Any, str]:
    """Return the key that the token names, and the algorithm.

    Without a name, exactly one key must fit.
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, *ODD) as error:
        raise DirectoryRefusal("token_answer", f"{type(error).__name__}: {error}") from error
    algorithm, name = header.get("alg"), header.get("kid")
    if isinstance(algorithm, str) and algorithm.lower() == "none":
        raise DirectoryRefusal("unsigned")
    if algorithm not in ALGORITHMS:
        raise DirectoryRefusal("algorithm", f"alg {algorithm!r}")
    listed = keys.get("keys")
    if not isinstance(listed, list):
        raise DirectoryRefusal("keys", "no list of keys")
    fitting = [entry for entry in listed if isinstance(entry, dict) and _fits(entry, algorithm)]
    named = fitting if name is None else [e for e in fitting if e.get("kid") == name]
    if len(named) != 1:
        raise DirectoryRefusal("unknown_key", f"kid {name!r}, {len(named)} of {len(listed)} keys")
    try:
        return jwt.PyJWK(named[0], algorithm).key, algorithm
    except (jwt.PyJWTError, *ODD) as error:
        raise DirectoryRefusal("keys", f"{type(error).__name__}: {error}") from error


def _fits(entry: dict[str, Any], algorithm: str) -> bool:
    kinds = [kind for kind, names in KINDS.items() if algorithm in names]
    return (
        entry.get("kty") in kinds
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) == algorithm
    )


def moment(value: Any) -> float | None:
    """Return a time from the directory in seconds since 1970, or None if it is invalid."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= LAST_SECOND else None
