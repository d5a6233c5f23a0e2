"""The settings of transports, each described in docs/settings.md."""

from typing import Any

from console.site import environment as env


def read_transport_options() -> dict[str, dict[str, Any]]:
    """Return the options of each transport, by the name of its module in console.esp.transports."""
    return {
        "ors": {
            "session_key": env.read("CONSOLE_ORS_SESSION_KEY", env.text, "OrsSessionId"),
            "request_name": env.read("CONSOLE_ORS_REQUEST", env.text, "notice"),
            "username": env.read("CONSOLE_ORS_USERNAME", env.text, ""),
            "password": env.read("CONSOLE_ORS_PASSWORD", env.text, ""),
            "certificate": env.read("CONSOLE_ORS_CERTIFICATE", env.readable_file, None),
            "certificate_key": env.read("CONSOLE_ORS_CERTIFICATE_KEY", env.readable_file, None),
            "certificate_password": env.read("CONSOLE_ORS_CERTIFICATE_PASSWORD", env.text, ""),
            "authorities": env.read("CONSOLE_ORS_CA", env.certificates, ""),
            "hosts": env.read("CONSOLE_ORS_HOSTS", env.hosts, list[str]()),
            "trust_503": env.read("CONSOLE_ORS_TRUST_BUSY", env.boolean, True),
        },
    }
