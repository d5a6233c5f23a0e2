"""With which settings all tests begin, and what they forget of those before."""

from typing import Any

USUAL: dict[str, Any] = {
    # Hashing passwords slowly is Django's tested business, not ours.
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    # Tests send the same notice to the same chat as often as they like; those of the guard itself
    # switch it on.
    "RESEND_GUARD_MINUTES": 0,
    "PAUSE_ABOVE_PERCENT": 0,
    "CONTACT_BUDGET": {},
    # What other tests store outside is none of this one. Who wants it outside says where.
    "CHECKPOINTS_TO": "",
}


def forget_what_was_found_out() -> None:
    """What a process keeps for a while; what all share goes with the rows of a test."""
    from django.core.cache import caches

    from console.audit.signing import forget_signer
    from console.web.kept import forget

    forget_signer()
    forget()
    caches["process"].clear()
