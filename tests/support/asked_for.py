"""Asks for the embedded PostgreSQL before pytest and mypy read the settings, as `make demo` does.

With a DATABASE_URL the tests run on that server (they create databases named test_…), and the other
settings that a site has to have are made up.
"""

import os
import secrets
from typing import Any

from console.security.generated_secrets import made_up_key

if not os.environ.get("DATABASE_URL"):
    os.environ["CONSOLE_EMBEDDED"] = "1"
else:
    for name, value in {
        "CONSOLE_SECRET_KEY": secrets.token_urlsafe(50),
        "CONSOLE_AUDIT_KEY": made_up_key(),
        "CONSOLE_ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "CONSOLE_HTTPS": "0",
    }.items():
        os.environ.setdefault(name, value)


def plugin(_version: str) -> Any:
    """What mypy asks a plugin for: this one does no more than what stands above."""
    from mypy.plugin import Plugin

    return Plugin
