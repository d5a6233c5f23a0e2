"""Settings with which the console does not start: missing, unsafe or unknown ones."""

import difflib
import os
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from console.site import environment as env

# Read where they are needed, and not by console.settings.
ALSO_KNOWN = {"CONSOLE_ADMIN_PASSWORD", "CONSOLE_DEMO_TOKEN"}
# How similar (0 to 1) a name must be to a setting's to be taken for a misspelling of it: less is
# needed if it begins with CONSOLE_.
SIMILAR, NEARLY_THE_SAME = 0.6, 0.9


def refuse_unsafe(chosen: Mapping[str, Any]) -> None:
    """Check the settings that were read. Raises ImproperlyConfigured with all errors."""
    _judge_database(chosen)
    if not chosen["EMBEDDED"]:
        _judge_site(chosen)
    _judge_https(chosen)
    _judge_embedding(chosen)
    if not (chosen["EMBEDDED"] and _only_loopback(chosen["ALLOWED_HOSTS"])):
        _judge_trying_out(chosen)
    _judge_pairs(chosen)
    _judge_names(os.environ)
    env.stop_if_wrong()


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach this name or address."""
    name = host.strip("[]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _only_loopback(hosts: Iterable[str]) -> bool:
    return all(map(is_loopback, hosts))


def _judge_database(chosen: Mapping[str, Any]) -> None:
    if chosen["DATABASE_URL"] and chosen["EMBEDDED"]:
        env.refuse(
            "CONSOLE_EMBEDDED",
            "CONSOLE_EMBEDDED asks for a PostgreSQL of the console's own, and DATABASE_URL names "
            "another one: unset one of them",
        )
    if not chosen["DATABASE_URL"] and not chosen["EMBEDDED"]:
        env.refuse(
            "DATABASE_URL",
            "DATABASE_URL is not set. Set it to postgresql://user:password@host:5432/console, or "
            "to try the console out on this machine set CONSOLE_EMBEDDED=1",
        )


def _judge_embedding(chosen: Mapping[str, Any]) -> None:
    """In a frame of another site browsers accept cookies only over HTTPS, or on this machine."""
    is_plain = not chosen["HTTPS"] and not _only_loopback(chosen["ALLOWED_HOSTS"])
    if chosen["EMBED_ORIGINS"] and is_plain:
        env.refuse(
            "CONSOLE_EMBED_ORIGINS",
            "CONSOLE_EMBED_ORIGINS needs CONSOLE_HTTPS: in a frame of another site nobody could "
            "sign in without it",
        )


def _judge_site(chosen: Mapping[str, Any]) -> None:
    """Check the settings that are generated only for the embedded database."""
    if not chosen["SECRET_KEY"]:
        env.refuse(
            "CONSOLE_SECRET_KEY",
            "CONSOLE_SECRET_KEY is not set. Set it to a long random text, for example the output "
            "of: python -c 'import secrets; print(secrets.token_urlsafe(50))'",
        )
    if not (chosen["AUDIT_KEY"] or chosen["PROCESS_KEY"]):
        env.refuse(
            "CONSOLE_AUDIT_KEY",
            "CONSOLE_AUDIT_KEY is not set, and without it nobody can tell whether the trail was "
            "rewritten. Set it to what manage.py audit_key prints",
        )
    if not chosen["ALLOWED_HOSTS"]:
        env.refuse(
            "CONSOLE_ALLOWED_HOSTS",
            "CONSOLE_ALLOWED_HOSTS is not set. Set it to the names under which the console is "
            "reached, such as console.example.org",
        )


def _judge_https(chosen: Mapping[str, Any]) -> None:
    if chosen["HTTPS"] and chosen["PLAIN_HTTP"]:
        env.refuse(
            "CONSOLE_PLAIN_HTTP",
            "CONSOLE_PLAIN_HTTP does without HTTPS, and CONSOLE_HTTPS asks for it: unset one of "
            "them",
        )
    if not (chosen["HTTPS"] or chosen["PLAIN_HTTP"] or _only_loopback(chosen["ALLOWED_HOSTS"])):
        env.refuse(
            "CONSOLE_HTTPS",
            "CONSOLE_HTTPS is off, and CONSOLE_ALLOWED_HOSTS has more than this machine's own "
            "names: passwords and sessions would travel in the clear. Set CONSOLE_HTTPS=1, or "
            "CONSOLE_PLAIN_HTTP=1 where that is meant",
        )


def _judge_trying_out(chosen: Mapping[str, Any]) -> None:
    """Check the settings that are allowed only with the embedded database on one machine."""
    if chosen["DEBUG"]:
        env.refuse(
            "CONSOLE_DEBUG",
            "CONSOLE_DEBUG shows code and settings to whoever meets a failure, so it can be on "
            "with the embedded database on this machine alone: unset it",
        )
    if chosen["SECOND_FACTOR"] == "nobody":
        env.refuse(
            "CONSOLE_SECOND_FACTOR",
            "CONSOLE_SECOND_FACTOR can be nobody with the embedded database on this machine "
            "alone. Set it to privileged (administrators and approvers) or everyone",
        )


def _judge_pairs(chosen: Mapping[str, Any]) -> None:
    """Check settings that have no effect, or a different one, unless another is set too."""
    ors = chosen["TRANSPORT_OPTIONS"]["ors"]
    directory, username, certificate = chosen["DIRECTORY"], ors["username"], ors["certificate"]
    groups = directory.roles or directory.teams
    minutes, policy = chosen["QUORUM_MINUTES"], chosen["WITNESS_POLICY"]
    quorum = policy is not None and policy.quorum != "none"
    stamps, certificates = chosen["TIMESTAMP_AUTHORITY"], chosen["TIMESTAMP_CERTIFICATES"]
    mail, channels = bool(chosen["MAIL_SERVER"]), bool(chosen["CHANNELS"])
    for name, value, needed, needed_value in (
        ("CONSOLE_OIDC_URL", directory.url, "CONSOLE_OIDC_CLIENT_ID", directory.client_id),
        ("CONSOLE_OIDC_URL", directory.url, "CONSOLE_OIDC_CLIENT_SECRET", directory.secret),
        ("CONSOLE_OIDC_URL", directory.url, "CONSOLE_OIDC_ROLES", groups),
        ("CONSOLE_EMAIL_URL", mail, "CONSOLE_EMAIL_FROM", chosen["DEFAULT_FROM_EMAIL"]),
        ("CONSOLE_EMAIL_URL", mail, "CONSOLE_URL", chosen["CONSOLE_URL"]),
        ("CONSOLE_CHANNELS", channels, "CONSOLE_URL", chosen["CONSOLE_URL"]),
        ("CONSOLE_QUORUM_MINUTES", minutes, "CONSOLE_WITNESS_POLICY", quorum),
        ("CONSOLE_TIMESTAMP_AUTHORITY", stamps, "CONSOLE_TIMESTAMP_CERTIFICATES", certificates),
        ("CONSOLE_ORS_USERNAME", username, "CONSOLE_ORS_PASSWORD", ors["password"]),
        ("CONSOLE_ORS_PASSWORD", ors["password"], "CONSOLE_ORS_USERNAME", username),
        ("CONSOLE_ORS_USERNAME", username, "CONSOLE_ORS_HOSTS", ors["hosts"]),
        ("CONSOLE_ORS_CERTIFICATE", certificate, "CONSOLE_ORS_HOSTS", ors["hosts"]),
        (
            "CONSOLE_ORS_CERTIFICATE_KEY",
            ors["certificate_key"],
            "CONSOLE_ORS_CERTIFICATE",
            certificate,
        ),
    ):
        if value and not needed_value:
            env.refuse(name, f"{name} needs {needed}: set that, too, or unset {name}")


def _judge_names(environment: Mapping[str, str]) -> None:
    """Refuse unknown names that were probably meant as settings."""
    settings = env.known | ALSO_KNOWN
    for name in sorted(environment.keys() - settings):
        if name.upper().startswith("CONSOLE_"):
            near = _nearest(name, settings)
            advice = f"did you mean {near}?" if near else "take it out, or correct its name"
            env.refuse(name, f"{name} is no setting of the console: {advice}")
        elif near := _misspelt(name, settings):
            env.refuse(name, f"{name} is no setting of the console: did you mean {near}?")


def _nearest(name: str, settings: Iterable[str]) -> str:
    """Return the setting with the most similar name; empty if there is none."""
    rests = {setting.removeprefix("CONSOLE_"): setting for setting in settings}
    rest = name.upper().removeprefix("CONSOLE_")
    found = difflib.get_close_matches(rest, rests, n=1, cutoff=SIMILAR)
    return rests[found[0]] if found else ""


def _misspelt(name: str, settings: Iterable[str]) -> str:
    ours = [each for each in settings if each.startswith(("CONSOLE_", "PSDK_"))]
    found = difflib.get_close_matches(name.upper(), ours, n=1, cutoff=NEARLY_THE_SAME)
    return found[0] if found else ""
